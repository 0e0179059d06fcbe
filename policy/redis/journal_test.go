package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// tables remember what was written, by call id.
type tables struct {
	mu   sync.Mutex
	rows map[string]int
	ids  []string
	fail error
}

func (s *tables) write(_ context.Context, entries []policy.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if s.rows == nil {
		s.rows = map[string]int{}
	}
	for _, e := range entries {
		s.rows[e.CallID]++
		s.ids = append(s.ids, e.CallID)
	}
	return nil
}

func (s *tables) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

func (s *tables) set(err error) {
	s.mu.Lock()
	s.fail = err
	s.mu.Unlock()
}

// journalling settles n requests.
func journalling(t *testing.T, l *redis.Ledger, name string, n int) {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("%s-%d", name, i)
		if err := l.Settle(t.Context(), policy.Settlement{ID: id, Entry: policytest.Took(id, 1, 1, 1)}); err != nil {
			t.Fatal(err)
		}
	}
}

// draining runs a Drain until the returned function is called.
func draining(t *testing.T, client goredis.UniversalClient, prefix, consumer string, sink func(context.Context, []policy.Entry) error) (stop func()) {
	t.Helper()
	d := redis.NewDrain(redis.DrainConfig{Client: client, Prefix: prefix, Consumer: consumer, Sink: sink, Batch: 20, Idle: 100 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func TestDrainMovesEachEntryOnceAndInOrder(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := believed(t, client, prefix)
	journalling(t, l, "first", 50)
	var s tables
	stop := draining(t, client, prefix, "a", s.write)
	journalling(t, l, "second", 50)
	eventually(t, "all are written", func() bool { return s.count() == 100 })
	stop()
	for i, id := range s.ids {
		want := fmt.Sprintf("first-%d", i)
		if i >= 50 {
			want = fmt.Sprintf("second-%d", i-50)
		}
		if id != want {
			t.Fatalf("entry %d is %s, want %s", i, id, want)
		}
	}
	if n, err := client.XLen(t.Context(), prefix+":journal").Result(); n != 0 || err != nil {
		t.Errorf("%d entries left in Redis, %v", n, err)
	}
}

// Nothing leaves Redis while the tables refuse it.
func TestDrainWaitsForTheTables(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := believed(t, client, prefix)
	var s tables
	s.set(errors.New("the database is away"))
	draining(t, client, prefix, "a", s.write)
	journalling(t, l, "x", 30)
	d := redis.NewDrain(redis.DrainConfig{Client: client, Prefix: prefix, Consumer: "looks on", Sink: s.write})
	bounded, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := d.Flushed(bounded); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flushed: %v, while the tables refuse everything", err)
	}
	if n, err := d.Lag(t.Context()); n != 30 || err != nil {
		t.Errorf("%d wait, %v; want 30", n, err)
	}
	s.set(nil)
	if err := d.Flushed(t.Context()); err != nil || s.count() != 30 {
		t.Errorf("flushed: %v, %d written", err, s.count())
	}
}

// A drain that dies between reading a batch and writing it leaves that to another;
// one that dies between writing and saying so has it written again, which the
// tables' own keys make harmless.
func TestDrainTakesOverFromTheDead(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := believed(t, client, prefix)
	journalling(t, l, "x", 60)
	reached, hold := make(chan struct{}, 1), make(chan struct{})
	stop := draining(t, client, prefix, "dies", func(ctx context.Context, _ []policy.Entry) error {
		select {
		case reached <- struct{}{}:
		default:
		}
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return errors.New("died")
	})
	<-reached
	stop()
	var s tables
	draining(t, client, prefix, "b", s.write)
	draining(t, client, prefix, "c", s.write)
	eventually(t, "all are written", func() bool { return s.count() == 60 })
	eventually(t, "the stream is empty", func() bool {
		n, err := client.XLen(t.Context(), prefix+":journal").Result()
		return n == 0 && err == nil
	})
}

func TestDrainStartsAnewInARedisThatLostItsMemory(t *testing.T) {
	s := server(t)
	client := connect(t, "redis://"+s.Addr)
	l := believed(t, client, "{purser}")
	var rows tables
	draining(t, client, "{purser}", "a", rows.write)
	journalling(t, l, "before", 5)
	eventually(t, "the first are written", func() bool { return rows.count() == 5 })
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	journalling(t, l, "after", 5)
	eventually(t, "those after are written", func() bool { return rows.count() == 10 })
}

func TestAnEntryThatCannotBeReadHoldsNobodyUp(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := believed(t, client, prefix)
	if err := client.XAdd(t.Context(), &goredis.XAddArgs{Stream: prefix + ":journal", Values: []any{"e", "{"}}).Err(); err != nil {
		t.Fatal(err)
	}
	journalling(t, l, "x", 3)
	var s tables
	draining(t, client, prefix, "a", s.write)
	eventually(t, "the others are written", func() bool { return s.count() == 3 })
	if slices.Contains(s.ids, "") {
		t.Error("an entry of nobody was written")
	}
}
