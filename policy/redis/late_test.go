package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// late is a ledger whose commands a proxy can keep on their way.
type late struct {
	*redis.Ledger // past the proxy
	slow          *redis.Ledger
	proxy         *redistest.Proxy
	clock         *policytest.Clock
	journal       func() []policy.Entry
	holds         []policy.Hold
}

func newLate(t *testing.T) *late {
	client, prefix := redistest.Client(t)
	l := &late{proxy: redistest.NewProxy(t, redistest.Address()), clock: policytest.NewClock(policytest.Epoch)}
	l.journal = redistest.Pull(t, client, prefix)
	l.Ledger = redis.New(redis.Config{Client: client, Prefix: prefix, Clock: l.clock.Now})
	l.slow = redis.New(redis.Config{Client: connect(t, "redis://"+l.proxy.Addr+"?read_timeout=250ms"), Prefix: prefix, Clock: l.clock.Now})
	if ok, err := l.Restore(t.Context(), "test", nothing); err != nil || !ok {
		t.Fatal(ok, err)
	}
	l.holds = []policy.Hold{
		policytest.In("1d", l.clock.Now(), policytest.Hold(policy.KindSpend, 1000, 20, 2)), policytest.Hold(policy.KindTokens, 1000, 10, 1), policytest.Hold(policy.KindParallel, 1, 1, 0),
	}
	// So that the scripts are known, and the next trip is the call itself.
	if err := l.reserve(t, "warm").Release(t.Context(), "warm"); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *late) ask(id string) policy.Ask {
	return policy.Ask{ID: id, Holds: l.holds, Want: 50, Usual: 10, Least: 1, TTL: time.Minute, Draft: policy.Draft{Entry: policy.Entry{CallID: id}}}
}

func (l *late) reserve(t *testing.T, id string) *late {
	t.Helper()
	if out, err := l.Ledger.Reserve(t.Context(), l.ask(id)); err != nil || !out.Granted {
		t.Fatalf("%s: %+v, %v", id, out, err)
	}
	return l
}

// free wants nothing to be held, now and after everything that could expire has.
func (l *late) free(t *testing.T, used int64, rows int) {
	t.Helper()
	for _, wait := range []time.Duration{0, 2 * time.Minute} {
		l.clock.Advance(wait)
		if n, err := l.Reap(t.Context()); n != 0 || err != nil {
			t.Errorf("reaped %d, %v: what nobody had was charged", n, err)
		}
		stands(t, l.Ledger, l.holds[0], used, 0)
		stands(t, l.Ledger, l.holds[2], 0, 0)
	}
	if n := len(l.journal()); n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
}

// Whatever a copy of a call that was given up does when it arrives, and whenever it
// does: what its caller was told holds.
func TestACallThatArrivesLate(t *testing.T) {
	lost := func(t *testing.T, l *late, id string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if out, err := l.slow.Reserve(ctx, l.ask(id)); err == nil {
			t.Fatalf("%+v without an answer", out)
		}
	}
	for name, run := range map[string]func(*testing.T, *late){
		"after it was sent again and refused": func(t *testing.T, l *late) {
			l.reserve(t, "other")
			copy := l.proxy.Keep("{a}")
			if out, err := l.slow.Reserve(t.Context(), l.ask("{a}")); err != nil || out.Granted {
				t.Fatalf("%+v, %v; want a refusal", out, err)
			}
			settleAll(t, []string{"other"}, 30, l.Ledger)
			copy.Arrive()
			l.free(t, 30, 1)
		},
		"after it was sent again, refused, and asked anew for less": func(t *testing.T, l *late) {
			l.reserve(t, "other")
			copy := l.proxy.Keep("{a}")
			ask := l.ask("{a}")
			ask.Least = ask.Want + 1
			if out, err := l.slow.Reserve(t.Context(), ask); err != nil || out.Granted {
				t.Fatalf("%+v, %v; want a refusal", out, err)
			}
			settleAll(t, []string{"other"}, 30, l.Ledger)
			if out, err := l.slow.Reserve(t.Context(), l.ask("{a}")); err != nil || !out.Granted {
				t.Fatalf("%+v, %v; want less granted", out, err)
			}
			copy.Arrive()
			stands(t, l.Ledger, l.holds[2], 0, 1)
			settleAll(t, []string{"{a}"}, 30, l.slow)
			l.free(t, 60, 2)
		},
		"after it was sent again, granted and settled": func(t *testing.T, l *late) {
			copy := l.proxy.Keep("{a}")
			if out, err := l.slow.Reserve(t.Context(), l.ask("{a}")); err != nil || !out.Granted {
				t.Fatalf("%+v, %v", out, err)
			}
			settleAll(t, []string{"{a}"}, 30, l.slow)
			copy.Arrive()
			l.free(t, 30, 1)
		},
		"while what it was sent again for is under way": func(t *testing.T, l *late) {
			copy := l.proxy.Keep("{a}")
			if out, err := l.slow.Reserve(t.Context(), l.ask("{a}")); err != nil || !out.Granted {
				t.Fatalf("%+v, %v", out, err)
			}
			copy.Arrive()
			stands(t, l.Ledger, l.holds[2], 0, 1)
			settleAll(t, []string{"{a}"}, 30, l.slow)
			l.free(t, 30, 1)
		},
		"its answer alone was lost": func(t *testing.T, l *late) {
			copy := l.proxy.Lose("{a}")
			out, err := l.slow.Reserve(t.Context(), l.ask("{a}"))
			if err != nil || !out.Granted || out.Balances[2].Held != 1 {
				t.Fatalf("%+v, %v; want what the first copy had", out, err)
			}
			<-copy.Answered
			stands(t, l.Ledger, l.holds[2], 0, 1)
			settleAll(t, []string{"{a}"}, 30, l.slow)
			l.free(t, 30, 1)
		},
		"given up and taken back before": func(t *testing.T, l *late) {
			copy := l.proxy.Keep("{a}")
			lost(t, l, "{a}")
			if err := l.Release(t.Context(), "{a}"); err != nil {
				t.Fatal(err)
			}
			copy.Arrive()
			l.free(t, 0, 0)
		},
		"given up and taken back after": func(t *testing.T, l *late) {
			copy := l.proxy.Keep("{a}")
			lost(t, l, "{a}")
			copy.Arrive()
			stands(t, l.Ledger, l.holds[2], 0, 1)
			if err := l.Release(t.Context(), "{a}"); err != nil {
				t.Fatal(err)
			}
			l.free(t, 0, 0)
		},
		"sent again, given up, taken back": func(t *testing.T, l *late) {
			l.reserve(t, "other")
			first := l.proxy.Keep("{a}")
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { _, err := l.slow.Reserve(ctx, l.ask("{a}")); ended <- err }()
			<-first.Here
			second := l.proxy.Keep("{a}")
			<-second.Here
			cancel()
			if err := <-ended; err == nil {
				t.Fatal("an answer, and both copies are on their way")
			}
			settleAll(t, []string{"other"}, 30, l.Ledger)
			second.Arrive()
			if err := l.Release(t.Context(), "{a}"); err != nil {
				t.Fatal(err)
			}
			first.Arrive()
			l.free(t, 30, 1)
		},
		"a settlement": func(t *testing.T, l *late) {
			l.reserve(t, "{a}")
			copy := l.proxy.Keep("{a}")
			settleAll(t, []string{"{a}"}, 30, l.slow)
			copy.Arrive()
			l.free(t, 30, 1)
		},
		"an estimate, after the true count": func(t *testing.T, l *late) {
			l.reserve(t, "{a}")
			guess := policytest.Took("{a}", 1, 1, 99)
			guess.Usage.Source = policy.UsageEstimated
			copy := l.proxy.Keep("{a}")
			if err := l.slow.Settle(t.Context(), policy.Settlement{ID: "{a}", Entry: guess}); err != nil {
				t.Fatal(err)
			}
			settleAll(t, []string{"{a}"}, 30, l.Ledger)
			copy.Arrive()
			l.free(t, 30, 2)
		},
		"a renewal, after the settlement": func(t *testing.T, l *late) {
			l.reserve(t, "{a}")
			copy := l.proxy.Keep("{a}")
			if err := l.slow.Renew(t.Context(), time.Minute, "{a}"); err != nil {
				t.Fatal(err)
			}
			settleAll(t, []string{"{a}"}, 30, l.Ledger)
			copy.Arrive()
			l.free(t, 30, 1)
		},
		"taking back": func(t *testing.T, l *late) {
			l.reserve(t, "{a}")
			copy := l.proxy.Keep("{a}")
			if err := l.slow.Release(t.Context(), "{a}"); err != nil {
				t.Fatal(err)
			}
			copy.Arrive()
			l.free(t, 0, 0)
		},
	} {
		t.Run(name, func(t *testing.T) { run(t, newLate(t)) })
	}
}

// Who takes the lease for seeding has it, also if it had to ask twice.
func TestALeaseWhoseAnswerWasLost(t *testing.T) {
	proxy := redistest.NewProxy(t, redistest.Address())
	l := redis.New(redis.Config{Client: connect(t, "redis://"+proxy.Addr+"?read_timeout=250ms"), Prefix: redistest.Prefix()})
	lost := proxy.Lose(":seeding")
	if ok, err := l.Restore(t.Context(), "test", nothing); err != nil || !ok {
		t.Errorf("%v, %v; want it restored", ok, err)
	}
	<-lost.Answered
}
