package extproc_test

import (
	"context"
	"sync"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
	"github.com/purser/purser/policy/redis"
	"github.com/purser/purser/policy/redis/redistest"
)

// onRedis makes a rig's servers count in one Redis, each through a client of its own.
func (r rig) onRedis(t testing.TB) (rig, *policytest.Journal) {
	t.Helper()
	prefix := redistest.Prefix()
	journal := &policytest.Journal{}
	r.ledger = func(int) policy.Ledger {
		client, err := redis.Connect("redis://" + redistest.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		l := redis.New(redis.Config{Client: client, Prefix: prefix, Clock: r.clock})
		eventually(t, "the counters are believed", func() bool {
			ok, err := l.Restore(context.Background(), "test", func(context.Context) error { return nil })
			return ok && err == nil
		})
		if journal.Pull == nil {
			journal.Pull = redistest.Pull(t, client, prefix)
		}
		return l
	}
	return r, journal
}

// standing is what a scope's counters of a kind say, all windows and models together.
func (p *plane) standing(scope policy.Scope, kind policy.Kind) (used, held int64) {
	p.t.Helper()
	err := p.ledger.Each(context.Background(), func(s policy.Standing) bool {
		if s.Counter.Scope == scope && s.Counter.Kind == kind {
			used, held = used+s.Used, held+s.Held
		}
		return true
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return used, held
}

func ofKey(plain string) policy.Scope {
	return policy.Scope{Kind: policy.ScopeKey, ID: policy.HashKey(plain).String()}
}

// billed is what the provider's own records come to, at gpt-4's price here.
func (p *plane) billed() (cost policy.Money, requests int) {
	for _, r := range p.provider.Requests(0) {
		cost += policy.Money(r.PromptTokens*30_000 + r.CompletionTokens*60_000)
		requests++
	}
	return cost, requests
}

// storm sends n calls at once and counts the statuses.
func (p *plane) storm(n int, each func(i int) call) map[int]int {
	p.t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			r := p.send(each(i))
			mu.Lock()
			statuses[r.StatusCode]++
			mu.Unlock()
		})
	}
	close(start)
	all.Wait()
	return statuses
}
