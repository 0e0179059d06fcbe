package extproc_test

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// Whoever asks again as soon as it has its answer is never in its own way, and sees
// what it has spent.
func TestTheNextRequestSeesTheLastOne(t *testing.T) {
	for _, where := range []string{"memory", "two servers on Redis"} {
		t.Run(where, func(t *testing.T) {
			r := rig{entities: []policy.Entity{key("sk-one", func(k *policy.Key) {
				k.Limits.MaxParallel, k.Limits.MaxBudget = ptr(int64(1)), ptr(policy.Dollar)
			})}}
			if where != "memory" {
				r.servers = 2
				r, _ = r.onRedis(t)
			}
			p := r.start(t)
			var spent policy.Money
			for i := range 40 {
				stream := i%3 != 0
				body := chat("gpt-4", 5, "stream", stream)
				if i%3 == 2 {
					body = prompt("gpt-4", `fake:{"output_tokens":5,"usage":"none"}`, "stream", true)
				}
				resp := p.open(context.Background(), call{key: "sk-one", body: body})
				if resp.StatusCode != 200 {
					t.Fatalf("request %d: status %d", i, resp.StatusCode)
				}
				before := spent
				seen := p.provider.Requests(0)
				spent += policy.Money(seen[len(seen)-1].PromptTokens*30_000 + 5*60_000)
				want := before // a stream's headers come before its cost is known
				if !stream {
					want = spent
				}
				if got := resp.Header.Get("x-litellm-key-spend"); got != want.String() {
					t.Fatalf("request %d, stream %v: x-litellm-key-spend %s, want %s", i, stream, got, want)
				}
				if !stream {
					_, _ = io.Copy(io.Discard, resp.Body)
				} else if lines := bufio.NewScanner(resp.Body); true {
					// As soon as it reads the last event the caller goes on, whatever becomes of the connection.
					for lines.Scan() && !strings.Contains(lines.Text(), "[DONE]") {
					}
				}
				defer resp.Body.Close()
			}
			p.idle()
			if used, held := p.standing(ofKey("sk-one"), policy.KindSpend); policy.Money(used) != spent || held != 0 {
				t.Errorf("used %s, held %d; want %s", policy.Money(used), held, spent)
			}
			// Each row says what the limits were when its request was let in.
			before := int64(0)
			for i, e := range p.journal.Entries() {
				marks := policy.ReadMarks(e.Limits, &e)
				if len(marks) != 2 || marks[0].Kind != policy.KindParallel || marks[0].Used != 0 || marks[0].Took != 1 || marks[1].Limit != int64(policy.Dollar) || marks[1].Used != before || marks[1].Took < int64(e.Cost.Total) {
					t.Fatalf("row %d, before which %d was spent and which cost %d, says %q: %+v", i, before, e.Cost.Total, e.Limits, marks)
				}
				before += int64(e.Cost.Total)
			}
		})
	}
}

// What an old secret spends in its grace period is its successor's, in the journal as
// in the counters: else one is set right by the other, and the budget grows.
func TestAnOldSecretSpendsWhatItsSuccessorHas(t *testing.T) {
	p := rig{entities: []policy.Entity{
		key("sk-new", func(k *policy.Key) { k.Limits.MaxBudget = ptr(policy.Dollar) }),
		key("sk-old", func(k *policy.Key) {
			k.Successor, k.RevokedAt = policy.HashKey("sk-new"), time.Now().Add(time.Hour)
		}),
	}}.start(t)
	for _, secret := range []string{"sk-old", "sk-new"} {
		if r := p.send(call{key: secret, body: chat("gpt-4", 5)}); r.StatusCode != 200 {
			t.Fatalf("%s: status %d: %s", secret, r.StatusCode, r.body)
		}
	}
	p.idle()
	var booked policy.Money
	for _, e := range p.journal.Entries() {
		if e.KeyHash != policy.HashKey("sk-new").String() {
			t.Errorf("a row of key %s, want the one that took its place", e.KeyHash)
		}
		booked += e.Cost.Total
	}
	if used, _ := p.standing(ofKey("sk-new"), policy.KindSpend); policy.Money(used) != booked || booked == 0 {
		t.Errorf("%s counted, %s booked", policy.Money(used), booked)
	}
}
