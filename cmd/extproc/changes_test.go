package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/purser/purser/cmd/boot"
	"github.com/purser/purser/policy"
	fileconfig "github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

func TestAWriteBarrierBoundsWhatAChangeMayTakeAndHowOldALookMayBe(t *testing.T) {
	for _, c := range []struct {
		name           string
		barrier        time.Duration
		apply, freshly time.Duration
	}{
		{"by default", time.Second, 900 * time.Millisecond, time.Second},
		{"patient: a replica that is silent is not waited for that long, so looks stay young", 20 * time.Second, 18 * time.Second, time.Second},
		{"impatient: no look is older than the writer's patience", 100 * time.Millisecond, 90 * time.Millisecond, 100 * time.Millisecond},
		{"writers do not wait", -1, 900 * time.Millisecond, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &service{cfg: config{WriteBarrier: c.barrier}}
			if got := s.applyWithin(); got != c.apply {
				t.Errorf("applyWithin %v, want %v", got, c.apply)
			}
			if got := freshWithin(c.barrier); got != c.freshly {
				t.Errorf("freshWithin %v, want %v", got, c.freshly)
			}
		})
	}
}

// What is settled may take long to reach the tables. The write of a new budget waits, for
// else the budget would begin at nothing, and admit what was spent once more.
func TestANewBudgetWaitsForWhatWasSpentAsLongAsItsWriterDoes(t *testing.T) {
	store, err := postgres.Open(t.Context(), postgres.Config{URL: postgrestest.URL(t), Barrier: -1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	now := time.Now().UTC().Truncate(time.Microsecond)
	entry := policy.Entry{Type: policy.EntryRequest, CallID: "late", TeamID: "t", ReservedAt: now, StartedAt: now, EndedAt: now, Status: policy.StatusSuccess, Cost: policy.Cost{Total: 3 * policy.Dollar}}
	directory := policy.NewDirectory(policy.Settings{}.Compile(), nil)
	ledger := memory.New(memory.Config{Journal: nowhere{}, Clock: func() time.Time { return now.Add(time.Second) }})
	flush := func(ctx context.Context) error {
		if until, ok := ctx.Deadline(); !ok || time.Until(until) < 2*time.Second {
			t.Errorf("there is until %v to flush, and the writer waits for a minute", until)
		}
		return store.WriteEntries(ctx, []policy.Entry{entry})
	}
	s := &service{cfg: config{WriteBarrier: time.Minute}, directory: directory, store: store, models: boot.NewModels(boot.ModelsConfig{Directory: directory, File: &fileconfig.Config{}}), log: slog.New(slog.DiscardHandler)}
	s.seeding = &policy.Seeding{Directory: directory, Ledger: ledger, History: store, Flush: flush, Clock: time.Now}

	budget := 5 * policy.Dollar
	team := &policy.Team{ID: "t"}
	team.Limits.MaxBudget = &budget
	directory.Put(team)
	s.onChange([]policy.Entity{team}, nil)

	if s.unseeded.Load() {
		t.Error("the counter is not complete")
	}
	var used []policy.Money
	err = ledger.Each(t.Context(), func(c policy.Standing) bool {
		used = append(used, policy.Money(c.Used))
		return true
	})
	if err != nil || len(used) != 1 || used[0] != 3*policy.Dollar {
		t.Errorf("the counters hold %v, %v; want what was spent, 3 dollars", used, err)
	}
}

// nowhere is the journal of a ledger that settles nothing.
type nowhere struct{}

func (nowhere) Append(context.Context, policy.Entry) error {
	return errors.New("nothing was settled here")
}
