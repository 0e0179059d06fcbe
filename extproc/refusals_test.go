package extproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purser/purser/policy"
)

var minute = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

func refusalOf(key string, code policy.Code, at int) policy.RefusalCount {
	return policy.RefusalCount{Minute: minute, KeyHash: key, Code: code, Count: 1,
		Sample: policy.RefusalSample{CallID: fmt.Sprint(at), At: minute.Add(time.Duration(at) * time.Second)}}
}

func total(counts []policy.RefusalCount) (n int64) {
	for _, c := range counts {
		n += c.Count
	}
	return n
}

func TestOneBadKeyIsOneCountWithItsLastSample(t *testing.T) {
	var r refusals
	for _, at := range []int{1, 3, 2} {
		r.add(refusalOf("k", policy.CodeRate, at))
	}
	r.add(refusalOf("k", policy.CodeBudget, 4))
	got := r.take()
	if len(got) != 2 || total(got) != 4 {
		t.Fatalf("got %+v", got)
	}
	for _, c := range got {
		if c.Code == policy.CodeRate && (c.Count != 3 || c.Sample.CallID != "3") {
			t.Errorf("got %+v", c)
		}
	}
	if again := r.take(); len(again) != 0 {
		t.Errorf("counted twice: %+v", again)
	}
}

func TestManyBadKeysAreCountedTogether(t *testing.T) {
	for _, tc := range []struct {
		name string
		code policy.Code
		most int
	}{
		{"keys that nobody knows", policy.CodeUnknownKey, strangersKept + 1},
		{"keys that are known", policy.CodeRate, refusalsKept + 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r refusals
			const n = 3 * refusalsKept
			for i := range n {
				r.add(refusalOf(fmt.Sprint(i), tc.code, i))
			}
			if got := r.take(); len(got) != tc.most || total(got) != n {
				t.Errorf("%d counts of %d refusals, want %d of %d", len(got), total(got), tc.most, n)
			}
		})
	}
}

func TestWhatCannotBeWrittenWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r refusals
		var written []policy.RefusalCount
		tries := 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.run(ctx, func(_ context.Context, all []policy.RefusalCount) error {
				if tries++; tries == 1 {
					return errors.New("the database is away")
				}
				written = append(written, all...)
				return nil
			}, slog.New(slog.DiscardHandler))
		}()
		r.add(refusalOf("k", policy.CodeRate, 1))
		time.Sleep(refusalsEvery + time.Millisecond)
		synctest.Wait()
		if tries != 1 || len(written) != 0 {
			t.Fatalf("%d tries, written %+v", tries, written)
		}
		r.add(refusalOf("k", policy.CodeRate, 2))
		cancel() // the end writes what is left
		<-ended
		if total(written) != 2 || len(written) != 1 || written[0].Sample.CallID != "2" {
			t.Errorf("written %+v", written)
		}
	})
}
