package extproc_test

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

// Told to stop, a server lets the streams under way end; cut short, it ends them so
// that their clients notice, and has counted what passed.
func TestStoppingWithLiveStreams(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		p := start(t, policy.Settings{}, nil, key("sk-caller", nil))
		resp := p.open(t.Context(), call{key: "sk-caller", body: prompt("gpt-4", `fake:{"output_tokens":20,"delay_ms":25}`, "stream", true)})
		if words(bufio.NewScanner(resp.Body), 1) != 1 {
			t.Fatal("nothing came")
		}
		done := make(chan struct{})
		go func() { p.grpc.GracefulStop(); close(done) }()
		rest, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(rest), "[DONE]") {
			t.Errorf("%v: %s", err, rest)
		}
		<-done
		if e := p.journal.Entries(); len(e) != 1 || e[0].Usage.Output != 20 || e[0].Status != policy.StatusSuccess {
			t.Errorf("%+v", e)
		}
	})
	t.Run("cut short", func(t *testing.T) {
		p := start(t, policy.Settings{}, nil, key("sk-caller", func(k *policy.Key) { k.Limits.MaxParallel = ptr(int64(1)) }))
		resp := p.open(t.Context(), call{key: "sk-caller", body: prompt("gpt-4", `fake:{"output_tokens":500,"delay_ms":50}`, "stream", true)})
		if words(bufio.NewScanner(resp.Body), 3) != 3 {
			t.Fatal("nothing came")
		}
		p.grpc.Stop()
		// A clean end here would say that the answer was whole, and let the rest pass unmetered.
		rest, err := io.ReadAll(resp.Body)
		if err == nil || strings.Contains(string(rest), "[DONE]") {
			t.Errorf("the stream ended as if it were whole: %s", rest)
		}
		p.idle()
		e := p.journal.Entries()
		if len(e) != 1 || e[0].Status != policy.StatusAbandoned || e[0].Usage.Source != policy.UsageCounted || e[0].Usage.Output < 3 || e[0].Cost.Total == 0 {
			t.Errorf("%+v", e)
		}
		if _, held := p.standing(ofKey("sk-caller"), policy.KindParallel); held != 0 {
			t.Errorf("%d slots held", held)
		}
	})
}

// stuck is a ledger that is asked and never answers.
type stuck struct {
	policy.Ledger
	asked chan struct{}
}

func (s stuck) Reserve(ctx context.Context, _ policy.Ask) (policy.Outcome, error) {
	close(s.asked)
	<-ctx.Done()
	return policy.Outcome{}, ctx.Err()
}

// A server that dies before it has judged a request lets nobody through, nor does one
// that is not there.
func TestNobodyGetsThroughUnjudged(t *testing.T) {
	ledger := stuck{memory.New(memory.Config{Journal: &policytest.Journal{}}), make(chan struct{})}
	p := rig{entities: []policy.Entity{key("sk-caller", nil)}, ledger: func(int) policy.Ledger { return ledger }}.start(t)
	answered := make(chan reply)
	go func() { answered <- p.send(call{key: "sk-caller", body: chat("gpt-4", 5)}) }()
	<-ledger.asked
	p.grpc.Stop()
	if r := <-answered; r.StatusCode != 503 || r.error(t)["message"] == nil {
		t.Errorf("judged by a server that died: status %d: %s", r.StatusCode, r.body)
	}
	if r := p.send(call{key: "sk-caller", body: chat("gpt-4", 5)}); r.StatusCode != 503 || r.error(t)["message"] == nil {
		t.Errorf("judged by nobody: status %d: %s", r.StatusCode, r.body)
	}
	if n := len(p.provider.Requests(0)); n != 0 {
		t.Errorf("%d requests at the provider", n)
	}
}

// mortal is a ledger of a server that is killed: what it would settle never gets there.
type mortal struct {
	policy.Ledger
	policy.Inspector
}

func (mortal) Settle(context.Context, policy.Settlement) error { return context.Canceled }

// A reservation whose server died is charged at its hold when it expires, and its slot
// comes back; the true count, should it come, corrects that.
func TestAReservationNobodySettles(t *testing.T) {
	clock := policytest.NewClock(policytest.Epoch)
	journal := &policytest.Journal{}
	l := memory.New(memory.Config{Journal: journal, Clock: clock.Now})
	p := rig{
		entities: []policy.Entity{key("sk-caller", func(k *policy.Key) {
			k.Limits.MaxParallel, k.Limits.MaxBudget = ptr(int64(1)), ptr(policy.Dollar)
		})},
		clock: clock.Now, ledger: func(int) policy.Ledger { return mortal{l, l} },
	}.start(t)
	if r := p.send(call{key: "sk-caller", body: chat("gpt-4", 30, "max_tokens", 100)}); r.StatusCode != 200 {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	p.idle()
	_, hold := p.standing(ofKey("sk-caller"), policy.KindSpend)
	if r := p.send(call{key: "sk-caller", body: chat("gpt-4", 1)}); r.StatusCode != 429 {
		t.Errorf("while the slot is taken: status %d", r.StatusCode)
	}
	clock.Advance(31 * time.Second)
	if n, err := l.Reap(t.Context()); n != 1 || err != nil {
		t.Fatalf("reaped %d, %v", n, err)
	}
	used, held := p.standing(ofKey("sk-caller"), policy.KindSpend)
	if _, slots := p.standing(ofKey("sk-caller"), policy.KindParallel); used == 0 || used > hold || held != 0 || slots != 0 {
		t.Errorf("used %s of the hold of %s, held %d, %d slots", policy.Money(used), policy.Money(hold), held, slots)
	}
	e := journal.Entries()
	if len(e) != 1 || e[0].Usage.Source != policy.UsageEstimated || e[0].Usage.Output != 100 || int64(e[0].Cost.Total) != used {
		t.Fatalf("%+v", e)
	}
	late := e[0]
	late.Usage, late.Cost = policy.Usage{Input: 15, Output: 30, Source: policy.UsageReported}, policy.Cost{Total: worth(15, 30), Other: worth(15, 30)}
	if err := l.Settle(t.Context(), policy.Settlement{ID: late.CallID, Entry: late}); err != nil {
		t.Fatal(err)
	}
	if used, _ := p.standing(ofKey("sk-caller"), policy.KindSpend); policy.Money(used) != worth(15, 30) {
		t.Errorf("used %s after the true count, want %s", policy.Money(used), worth(15, 30))
	}
	if r := p.send(call{key: "sk-caller", body: chat("gpt-4", 1)}); r.StatusCode != 200 {
		t.Errorf("afterwards: status %d", r.StatusCode)
	}
}
