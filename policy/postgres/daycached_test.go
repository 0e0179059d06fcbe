package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// What is in memory is never older than the tables: whoever wrote what, a program of
// before there were stamps included, the next answer has it; however little is kept.
func TestActivityIsNeverOlderThanItsRows(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	url := postgrestest.URL(t)
	writer := openAt(t, url)
	readers := map[string]*postgres.Store{"of much": openAt(t, url), "of some": openAt(t, url, func(c *postgres.Config) { c.ActivityRows = 150 }),
		"of two days": openAt(t, url, func(c *postgres.Config) { c.ActivityRows = 20 }), "of none": openAt(t, url, func(c *postgres.Config) { c.ActivityRows = -1 })}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	born := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)
	kolkata, losAngeles := time.FixedZone("", 330*60), time.FixedZone("", -420*60)
	entities := map[policy.ScopeKind]func(policy.Entry) []string{
		policy.ScopeProxy:    func(policy.Entry) []string { return []string{""} },
		policy.ScopeTeam:     func(e policy.Entry) []string { return []string{e.TeamID} },
		policy.ScopeCustomer: func(e policy.Entry) []string { return []string{e.CustomerID} },
		policy.ScopeTag:      func(e policy.Entry) []string { return e.Tags },
	}
	var all []policy.Entry
	for round := range 40 {
		var batch []policy.Entry
		for range 1 + rng.IntN(30) {
			e := entry(rng, len(all))
			e.ReservedAt = born.Add(time.Duration(rng.Int64N(int64(6 * 24 * time.Hour)))).Truncate(time.Microsecond)
			e.StartedAt, e.EndedAt = e.ReservedAt, e.ReservedAt.Add(time.Second)
			batch, all = append(batch, e), append(all, e)
		}
		writeEntries(t, writer, batch...)
		if round%5 == 4 { // by hand, or by a program that knows no stamps: the same again
			for _, table := range []string{"spend_hourly", "spend_hourly_tag"} {
				if _, err := conn.Exec(t.Context(), "UPDATE "+table+" SET spend = spend + 7 * requests WHERE adjusted = ''"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := conn.Exec(t.Context(), "UPDATE spend_logs SET spend = spend + 7 WHERE type = 'request'"); err != nil { // what half hours are read from
				t.Fatal(err)
			}
			for i := range all {
				all[i].Cost.Total += 7
			}
		}
		first := rng.IntN(5)
		q := policy.ActivityQuery{Scope: []policy.ScopeKind{policy.ScopeProxy, policy.ScopeTeam, policy.ScopeCustomer, policy.ScopeTag}[rng.IntN(4)], By: policy.Dimensions(rng.IntN(64)),
			From: born.AddDate(0, 0, first), Until: born.AddDate(0, 0, first+1+rng.IntN(6)), Zone: []*time.Location{time.UTC, kolkata, losAngeles}[rng.IntN(3)]}
		if rng.IntN(4) == 0 {
			q.IDs = []string{map[policy.ScopeKind]string{policy.ScopeTeam: "team1", policy.ScopeCustomer: "customer1", policy.ScopeTag: "tag0"}[q.Scope]}
		}
		want := wanted(all, q, entities[q.Scope])
		for name, s := range readers {
			got, err := s.Activity(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Errorf("round %d, %s, %+v: %d rows, want %d", round, name, q, len(got), len(want))
			}
			for _, r := range got {
				sums := r
				sums.Day, sums.Entity, sums.KeyHash, sums.Model, sums.ModelGroup, sums.Provider, sums.Route = "", "", "", "", "", "", ""
				if want[names(r)] != sums {
					t.Fatalf("round %d, %s, %+v:\ngot  %+v\nwant %+v", round, name, q, r, want[names(r)])
				}
			}
			count(t, s, all, q)
		}
	}
}

// count checks how many rows a listing says there are, which is known from the same memory.
func count(t *testing.T, s *postgres.Store, all []policy.Entry, q policy.ActivityQuery) {
	t.Helper()
	want := 0
	from := q.From.Add(5 * time.Hour)
	for _, e := range all {
		if e.Status == policy.StatusFailure && !e.StartedAt.Before(from) && e.StartedAt.Before(q.Until) {
			want++
		}
	}
	_, total, _, err := s.Logs(t.Context(), policy.LogQuery{Status: policy.StatusFailure, From: from, Until: q.Until, Limit: 1})
	if err != nil || total != want {
		t.Fatal(fmt.Sprintf("%v: %d rows, want %d", err, total, want))
	}
}

// Who asks while others write and ask sees what was there when they asked, or later.
func TestActivityOfManyAtOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	writer, reader := openAt(t, url), openAt(t, url, func(c *postgres.Config) { c.ActivityRows = 300 })
	born := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)
	var begun, done atomic.Int64
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			scope := []policy.ScopeKind{policy.ScopeProxy, policy.ScopeKey}[n%2]
			zone := time.FixedZone("", []int{0, -7}[n/2]*3600)
			for {
				select {
				case <-stop:
					return
				default:
				}
				least := done.Load()
				rows, err := reader.Activity(context.Background(), policy.ActivityQuery{Scope: scope, From: born.AddDate(0, 0, -1), Until: born.AddDate(0, 0, 5), Zone: zone})
				if err != nil {
					t.Error(err)
					return
				}
				var got int64
				for _, r := range rows {
					got += r.Requests
				}
				if most := begun.Load(); got < least || got > most {
					t.Errorf("%v %v: %d requests, want %d to %d", scope, zone, got, least, most)
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		var batch []policy.Entry
		for i := range 20 {
			e := entry(rng, round*20+i)
			e.KeyHash = fmt.Sprint("key", rng.IntN(9))
			e.ReservedAt = born.Add(time.Duration(rng.Int64N(int64(4 * 24 * time.Hour)))).Truncate(time.Microsecond)
			e.StartedAt, e.EndedAt = e.ReservedAt, e.ReservedAt.Add(time.Second)
			batch = append(batch, e)
		}
		begun.Add(int64(len(batch)))
		writeEntries(t, writer, batch...)
		done.Add(int64(len(batch)))
	}
	close(stop)
	readers.Wait()
}
