package policy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

// The worked example of the package documentation, in its own figures.
func Example() {
	ctx := context.Background()
	clock, journal := policytest.NewClock(policytest.Epoch), &policytest.Journal{}
	ledger := memory.New(memory.Config{Journal: journal, Clock: clock.Now})

	model := policytest.Deployment("gpt", 2, 10) // dollars per million tokens of prompt and answer
	team := &policy.Team{ID: "research", Rules: policy.Rules{Limits: policy.Limits{MaxBudget: new(50 * policy.Dollar)}}}
	key := policytest.Key("sk-example")
	key.TeamID, key.Limits.MaxBudget = team.ID, new(policy.Dollar)
	directory := policytest.Directory(policy.Settings{}, []*policy.Deployment{model}, team, key)

	request := policy.Request{Model: "gpt", NeedsModel: true, Input: 1000, Choices: 1}
	decide := func(id string) policy.Ask {
		grant, _ := directory.Resolve(key.Hash)
		ask := policy.Decide(&grant, request, clock.Now()).Ask
		ask.ID, ask.TTL = id, 30*time.Second
		return ask
	}
	// spend is what other requests took of a limit before.
	spend := func(id string, h policy.Hold, amount policy.Money) {
		h.Fixed, h.PerToken = int64(amount), 0
		_, _ = ledger.Reserve(ctx, policy.Ask{ID: id, Holds: []policy.Hold{h}})
		_ = ledger.Settle(ctx, policy.Settlement{ID: id, Entry: policytest.Took(id, 0, 0, amount)})
	}
	show := func(out policy.Outcome, ask policy.Ask) {
		if !out.Granted {
			fmt.Println("refused")
			return
		}
		fmt.Printf("granted %d tokens\n", out.Output)
		for _, h := range ask.Holds {
			fmt.Printf("  held by the %s: $%s\n", h.Scope.Kind, policy.Money(h.Amount(out.Output)))
		}
	}

	ask := decide("first")
	spend("of the team", ask.Holds[0], 10*policy.Dollar)
	spend("of the key", ask.Holds[1], 84*policy.Dollar/100)
	fmt.Printf("asked: $%s\n", policy.Money(ask.Holds[0].Amount(ask.Want)))
	out, _ := ledger.Reserve(ctx, ask)
	show(out, ask)

	usage := policy.Usage{Input: 980, Output: 310, Source: policy.UsageReported}
	entry := policy.Entry{CallID: "first", ReservedAt: out.At, Usage: usage, Cost: policy.CostOf(usage, model.Price)}
	_ = ledger.Settle(ctx, policy.Settlement{ID: "first", Entry: entry})
	left, _ := ledger.Standings(ctx, ask.Holds)
	fmt.Printf("cost: $%s\n", entry.Cost.Total)
	fmt.Printf("  spent by the team: $%s, by the key: $%s\n", policy.Money(left[0].Used), policy.Money(left[1].Used))

	spend("all but a little", ask.Holds[1], policy.Dollar-policy.Money(left[1].Used)-4_000_000)
	fmt.Println("with $0.004 left:")
	ask = decide("second")
	out, _ = ledger.Reserve(ctx, ask)
	show(out, ask)
	_ = ledger.Settle(ctx, policy.Settlement{ID: "second", Entry: policytest.Took("second", 1000, 0, 2_000_000)})

	fmt.Println("with $0.002 left:")
	ask = decide("third")
	out, _ = ledger.Reserve(ctx, ask)
	show(out, ask)

	// Output:
	// asked: $0.04296
	// granted 1800 tokens
	//   held by the team: $0.02
	//   held by the key: $0.02
	// cost: $0.00506
	//   spent by the team: $10.00506, by the key: $0.84506
	// with $0.004 left:
	// granted 200 tokens
	//   held by the team: $0.004
	//   held by the key: $0.004
	// with $0.002 left:
	// refused
}
