package redis

import (
	"context"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/redis/redistest"
)

// What is packed here a script unpacks as it was.
func TestAScriptReadsWhatIsPacked(t *testing.T) {
	client, _ := redistest.Client(t)
	for _, n := range []int64{0, 1, 127, 128, 255, 65_536, math.MaxInt32, math.MaxInt32 + 1, 1 << 52, -1, -129, math.MinInt32, math.MinInt32 - 1, -1 << 52} {
		got, err := client.Eval(t.Context(), `local v = cmsgpack.unpack(ARGV[1]) return {v[1], #v}`, []string{"{p}"}, packInt(packArray(nil, 1), n)).Int64Slice()
		if err != nil || got[0] != n || got[1] != 1 {
			t.Errorf("%d became %d, %v", n, got, err)
		}
	}
	for _, size := range []int{0, 15, 16, 70_000} {
		want := strings.Repeat("ü", size)
		b, at := packText(packArray(nil, 1))
		got, err := client.Eval(t.Context(), `return cmsgpack.unpack(ARGV[1])[1]`, []string{"{p}"}, packEnd(append(b, want...), at)).Text()
		if err != nil || got != want {
			t.Errorf("%d bytes became %d, %v", len(want), len(got), err)
		}
		b = packArray(nil, size)
		for range size {
			b = packInt(b, 7)
		}
		if size > math.MaxUint16 {
			continue
		}
		if n, err := client.Eval(t.Context(), `return #cmsgpack.unpack(ARGV[1])`, []string{"{p}"}, b).Int(); err != nil || n != size {
			t.Errorf("an array of %d became one of %d, %v", size, n, err)
		}
	}
}

// Entries and drafts of before an upgrade are read, and those of now.
func TestEntriesOfBeforeAreRead(t *testing.T) {
	e := policy.Entry{Type: policy.EntryRequest, CallID: "a", Tags: []string{"x"}, StartedAt: time.Unix(5, 7).UTC(), Usage: policy.Usage{Input: 3, Source: policy.UsageReported}}
	d := policy.Draft{Entry: e, Price: policy.TokenPrice(3, 5), Input: 7, Choices: 2}
	before, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(before), string(writeEntry(&e))} {
		var got policy.Entry
		if err := readEntry(text, &got); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, text := range []string{string(draft), string(writeDraft(d))} {
		if got, err := readDraft(text); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// One draft that nobody can read holds no other reservation up.
func TestADraftThatCannotBeRead(t *testing.T) {
	client, prefix := redistest.Client(t)
	l := New(Config{Client: client, Prefix: prefix})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if ok, err := l.Restore(t.Context(), "test", func(context.Context) error { return nil }); ok && err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(ok, err)
		}
	}
	long := time.Now().Add(-time.Hour)
	for _, id := range []string{"a", "b"} {
		if _, err := l.Reserve(t.Context(), policy.Ask{ID: id, At: long, Draft: policy.Draft{Entry: policy.Entry{CallID: id}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.HSet(t.Context(), prefix+":r:a", "draft", "\xff").Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Reap(t.Context()); n != 2 || err != nil {
		t.Errorf("reaped %d, %v; want both", n, err)
	}
	if rows := redistest.Pull(t, client, prefix)(); len(rows) != 2 || rows[0].CallID == rows[1].CallID {
		t.Errorf("%+v, want a row each", rows)
	}
}
