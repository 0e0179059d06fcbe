package extproc_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

// timed runs a test on planes whose clock the test moves: one that counts in memory,
// and one with two servers on Redis.
func timed(t *testing.T, test func(t *testing.T, p *plane, clock *policytest.Clock), entities ...policy.Entity) {
	timedOn(t, map[string]int{"memory": 0, "two servers on Redis": 2}, test, entities...)
}

// timedOn is timed on the planes it is told: how many servers share a Redis, none of
// them being one that counts in memory.
func timedOn(t *testing.T, planes map[string]int, test func(t *testing.T, p *plane, clock *policytest.Clock), entities ...policy.Entity) {
	for where, servers := range planes {
		t.Run(where, func(t *testing.T) {
			clock := policytest.NewClock(policytest.Epoch)
			r := rig{clock: clock.Now, entities: entities}
			if servers > 0 {
				r.servers = servers
				r, _ = r.onRedis(t)
			}
			test(t, r.start(t), clock)
		})
	}
}

// Sixty seconds hold one limit's worth, wherever they begin: at the turn of the
// minute, of the half second, or anywhere.
func TestABurstAcrossAWindowsEdge(t *testing.T) {
	const limit = 10
	timed(t, func(t *testing.T, p *plane, clock *policytest.Clock) {
		burst := func() int {
			return p.storm(25, func(int) call { return call{key: "sk-ten", body: chat("gpt-4", 1)} })[200]
		}
		for _, phase := range []time.Duration{0, 250 * time.Millisecond, 499 * time.Millisecond} {
			clock.Set(clock.Now().Truncate(time.Minute).Add(3*time.Minute - 100*time.Millisecond + phase))
			start := clock.Now()
			if n := burst(); n != limit {
				t.Fatalf("%v past the mark: %d of a first burst passed, want %d", phase, n, limit)
			}
			for _, later := range []time.Duration{200 * time.Millisecond, 30 * time.Second, 59_999 * time.Millisecond} {
				clock.Set(start.Add(later))
				if n := burst(); n != 0 {
					t.Errorf("%v past the mark: %d more passed %v later", phase, n, later)
				}
			}
			clock.Set(start.Add(60_501 * time.Millisecond))
			if n := burst(); n != limit {
				t.Errorf("%v past the mark: %d passed when the minute was over", phase, n)
			}
		}
	}, key("sk-ten", func(k *policy.Key) { k.Limits.RPM = ptr(int64(limit)) }))
}

// Who waits as long as Retry-After says passes, and a second earlier it does not. One
// server only: how long an answer usually is each server learns for itself, and one that
// has seen none of them yet lets a shorter answer through where another says to wait.
func TestRetryAfterIsRightToTheSecond(t *testing.T) {
	timedOn(t, map[string]int{"memory": 0, "a server on Redis": 1}, func(t *testing.T, p *plane, clock *policytest.Clock) {
		for _, c := range []struct {
			key  string
			body map[string]any
		}{
			{"sk-requests", chat("gpt-4", 1)},
			{"sk-tokens", chat("gpt-4", 30, "max_tokens", 30)},
			{"sk-input", chat("gpt-4", 1)},
			{"sk-output", chat("gpt-4", 30, "max_tokens", 30)},
		} {
			t.Run(c.key, func(t *testing.T) {
				clock.Advance(3 * time.Minute)
				waits := 0
				for range 12 {
					r := p.send(call{key: c.key, body: c.body})
					switch r.StatusCode {
					case 200:
						clock.Advance(7300 * time.Millisecond)
						continue
					case 429:
					default:
						t.Fatalf("status %d: %s", r.StatusCode, r.body)
					}
					waits++
					wait, err := strconv.Atoi(r.Header.Get("retry-after"))
					if err != nil || wait < 1 || wait > 61 {
						t.Fatalf("retry-after %q", r.Header.Get("retry-after"))
					}
					if reset, _ := strconv.ParseInt(r.Header.Get("reset_at"), 10, 64); reset < clock.Now().Unix()+int64(wait)-1 || reset > clock.Now().Unix()+int64(wait) {
						t.Errorf("reset_at %d, and now is %d, retry-after %d", reset, clock.Now().Unix(), wait)
					}
					told := clock.Now()
					if wait > 1 {
						clock.Set(told.Add(time.Duration(wait-1) * time.Second))
						if r := p.send(call{key: c.key, body: c.body}); r.StatusCode != 429 {
							t.Fatalf("told to wait %d s, and after %d it passes: status %d", wait, wait-1, r.StatusCode)
						}
					}
					clock.Set(told.Add(time.Duration(wait) * time.Second))
					if r := p.send(call{key: c.key, body: c.body}); r.StatusCode != 200 {
						t.Fatalf("waited the %d s it was told to: status %d, then told %s", wait, r.StatusCode, r.Header.Get("retry-after"))
					}
				}
				if waits == 0 {
					t.Error("nobody had to wait: the test tests nothing")
				}
			})
		}
	},
		key("sk-requests", func(k *policy.Key) { k.Limits.RPM = ptr(int64(3)) }),
		key("sk-tokens", func(k *policy.Key) { k.Limits.TPM = ptr(int64(150)) }),
		key("sk-input", func(k *policy.Key) { k.Limits.ITPM = ptr(int64(50)) }),
		key("sk-output", func(k *policy.Key) { k.Limits.OTPM = ptr(int64(100)) }))
}

// One call a second under a limit of sixty a minute.
func TestASteadyCallerIsNotRefused(t *testing.T) {
	timed(t, func(t *testing.T, p *plane, clock *policytest.Clock) {
		passed := 0
		const calls = 150
		for range calls {
			if r := p.send(call{key: "sk-sixty", body: chat("gpt-4", 1)}); r.StatusCode == 200 {
				passed++
			}
			clock.Advance(time.Second)
		}
		if passed*100 < calls*98 {
			t.Errorf("%d of %d passed, want 98%%", passed, calls)
		}
	}, key("sk-sixty", func(k *policy.Key) { k.Limits.RPM = ptr(int64(60)) }))
}

// A budget's window ends while requests are under way: each counts in the window it
// began in, and the new one starts at zero.
func TestABudgetsWindowTurnsUnderWay(t *testing.T) {
	timed(t, func(t *testing.T, p *plane, clock *policytest.Clock) {
		clock.Set(time.Date(2026, 3, 10, 23, 59, 58, 0, time.UTC))
		body := chat("gpt-4", 30, "max_tokens", 30)
		first := p.storm(20, func(int) call { return call{key: "sk-daily", body: body} })[200]
		if first < 2 || first > 3 {
			t.Errorf("%d passed on the first day, want what $0.007 pays for", first)
		}
		slow := prompt("gpt-4", `fake:{"output_tokens":10,"chunks":2,"first_byte_delay_ms":300}`, "max_tokens", 10)
		done := make(chan reply)
		go func() { done <- p.send(call{key: "sk-weekly", body: slow}) }()
		eventually(t, "it is under way", func() bool { return p.underway() == 1 })
		clock.Advance(4 * time.Second) // the next day
		if r := p.send(call{key: "sk-daily", body: body}); r.StatusCode != 200 {
			t.Errorf("on the next day: status %d: %s", r.StatusCode, r.body)
		}
		if r := <-done; r.StatusCode != 200 {
			t.Errorf("across midnight: status %d", r.StatusCode)
		}
		p.idle()
		if _, held := p.standing(ofKey("sk-weekly"), policy.KindSpend); held != 0 {
			t.Errorf("%d held", held)
		}
	},
		key("sk-daily", func(k *policy.Key) {
			k.Limits.MaxBudget, k.Limits.BudgetDuration = ptr(policy.Money(7_000_000)), "1d"
		}),
		key("sk-weekly", func(k *policy.Key) {
			k.Limits.MaxBudget, k.Limits.BudgetDuration = ptr(policy.Money(7_000_000)), "1d"
		}))
}
