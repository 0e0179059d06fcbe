package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// wanted sums entries as an activity query tells them apart, one by one.
func wanted(all []policy.Entry, q policy.ActivityQuery, entity func(policy.Entry) []string) map[policy.ActivityRow]policy.ActivityRow {
	first, last := q.From.Format(time.DateOnly), q.Until.AddDate(0, 0, -1).Format(time.DateOnly)
	out := map[policy.ActivityRow]policy.ActivityRow{}
	for _, e := range all {
		day := e.ReservedAt.In(q.Zone).Format(time.DateOnly)
		if e.Type != policy.EntryRequest || day < first || day > last {
			continue
		}
		for _, id := range entity(e) {
			if id == "" && q.Scope != policy.ScopeProxy || q.IDs != nil && !strings.Contains(strings.Join(q.IDs, " "), id) {
				continue
			}
			var k policy.ActivityRow
			if q.By.Has(policy.ByDay) {
				k.Day = day
			}
			if q.By.Has(policy.ByEntity) {
				k.Entity = id
			}
			if q.By.Has(policy.ByKey) && (q.Keys == nil || strings.Contains(strings.Join(q.Keys, " "), e.KeyHash)) {
				k.KeyHash = e.KeyHash
			}
			if q.By.Has(policy.ByModel) {
				k.Model, k.ModelGroup = e.Model, e.ModelGroup
			}
			if q.By.Has(policy.ByProvider) {
				k.Provider = e.Provider
			}
			if q.By.Has(policy.ByRoute) {
				k.Route = e.Route
			}
			r := out[k]
			r.Spend += e.Cost.Total
			r.Input, r.Output = r.Input+e.Usage.Input, r.Output+e.Usage.Output
			r.CacheRead, r.CacheWrite = r.CacheRead+e.Usage.Cached, r.CacheWrite+e.Usage.CacheWrite5m+e.Usage.CacheWrite1h
			r.Requests++
			r.Succeeded += map[bool]int64{true: 1}[e.Status == policy.StatusSuccess]
			r.Failed += map[bool]int64{true: 1}[e.Status == policy.StatusFailure]
			r.Millis += e.EndedAt.Sub(e.StartedAt).Milliseconds()
			out[k] = r
		}
	}
	return out
}

func names(r policy.ActivityRow) policy.ActivityRow {
	return policy.ActivityRow{Day: r.Day, Entity: r.Entity, KeyHash: r.KeyHash, Model: r.Model, ModelGroup: r.ModelGroup, Provider: r.Provider, Route: r.Route}
}

// What days, quarters, hours and rows add up to is what the rows add up to: whatever
// came late, was corrected or adjusted, whoever began again, and wherever one's day
// begins.
func TestActivityIsTheSumOfItsRows(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := open(t)
	born := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC) // the clocks change in Europe on the 29th
	apply := func(f func(policy.Tx) error) {
		t.Helper()
		if err := s.Write(t.Context(), policy.Actor{}, f); err != nil {
			t.Fatal(err)
		}
	}
	team := &policy.Team{ID: "team1", Record: policy.Record{CreatedAt: born, UpdatedAt: born}}
	apply(func(tx policy.Tx) error { return tx.Create(t.Context(), team) })
	const edges = 15 * time.Minute
	var all []policy.Entry
	for i := range 1500 {
		e := entry(rng, i)
		e.ReservedAt = born.Add(time.Duration(rng.Int64N(int64(16 * 24 * time.Hour)))).Truncate(time.Microsecond)
		if rng.IntN(3) == 0 { // on an edge that sums are kept by, or beside it
			e.ReservedAt = e.ReservedAt.Truncate(edges).Add(time.Duration(rng.IntN(3)-1) * time.Microsecond)
		}
		e.StartedAt, e.EndedAt = e.ReservedAt, e.ReservedAt.Add(time.Duration(rng.IntN(5000))*time.Millisecond)
		e.Model, e.Provider, e.Route = fmt.Sprint("m", rng.IntN(3)), fmt.Sprint("p", rng.IntN(2)), fmt.Sprint("/r", rng.IntN(2))
		all = append(all, e)
	}
	again := born.Add(100*time.Hour + 41*time.Minute)
	var batch []policy.Entry
	for i := range all {
		if !all[i].ReservedAt.Before(again) { // not known before there was the team's next life
			continue
		}
		if rng.IntN(4) > 0 {
			batch = append(batch, all[i])
			continue
		}
		estimate := all[i] // corrected later, of another model
		estimate.Usage.Source, estimate.Cost.Total, estimate.Model = policy.UsageEstimated, 7, "m9"
		batch = append(batch, estimate)
	}
	for i := 0; i < 4; i++ {
		writeEntries(t, s, batch[i*len(batch)/4:(i+1)*len(batch)/4]...)
	}
	for _, kind := range []policy.ScopeKind{policy.ScopeProxy, policy.ScopeTeam, policy.ScopeMember, policy.ScopeUser, policy.ScopeCustomer, policy.ScopeTag} {
		id := map[policy.ScopeKind]string{policy.ScopeProxy: "", policy.ScopeTeam: "team1", policy.ScopeMember: policy.MemberID("team1", "user1"), policy.ScopeUser: "user1", policy.ScopeCustomer: "customer1", policy.ScopeTag: "tag0"}[kind]
		e := policy.Entry{Type: policy.EntryAdjustment, CallID: "adjust-" + id, AdjustedKind: kind.String(), AdjustedID: id, Status: policy.StatusSuccess,
			ReservedAt: born.Add(37 * time.Hour), StartedAt: born.Add(37 * time.Hour), Cost: policy.Cost{Total: -123456789}}
		all = append(all, e)
		writeEntries(t, s, e)
	}
	apply(func(tx policy.Tx) error {
		return tx.Delete(t.Context(), policy.Ref{Kind: policy.EntityTeam, ID: "team1"})
	})
	team.CreatedAt = again
	apply(func(tx policy.Tx) error { return tx.Create(t.Context(), team) })
	writeEntries(t, s, all[:1500]...) // late, and again
	verify(t, s)

	entities := map[policy.ScopeKind]func(policy.Entry) []string{
		policy.ScopeProxy:    func(policy.Entry) []string { return []string{""} },
		policy.ScopeTeam:     func(e policy.Entry) []string { return []string{e.TeamID} },
		policy.ScopeUser:     func(e policy.Entry) []string { return []string{e.UserID} },
		policy.ScopeKey:      func(e policy.Entry) []string { return []string{e.KeyHash} },
		policy.ScopeCustomer: func(e policy.Entry) []string { return []string{e.CustomerID} },
		policy.ScopeTag:      func(e policy.Entry) []string { return e.Tags },
		policy.ScopeMember: func(e policy.Entry) []string {
			if e.TeamID == "" || e.UserID == "" {
				return nil
			}
			return []string{policy.MemberID(e.TeamID, e.UserID)}
		},
	}
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Kiritimati", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	for _, minutes := range []int{-840, -330, -60, 15, 180, 360, 480, 725} {
		zones = append(zones, time.FixedZone(fmt.Sprint(minutes), minutes*60))
	}
	for _, zone := range zones {
		for range 3 {
			first := rng.IntN(17)
			q := policy.ActivityQuery{Scope: []policy.ScopeKind{policy.ScopeProxy, policy.ScopeTeam, policy.ScopeUser, policy.ScopeKey, policy.ScopeCustomer, policy.ScopeTag, policy.ScopeMember}[rng.IntN(7)],
				From: born.AddDate(0, 0, first-1), Until: born.AddDate(0, 0, first+rng.IntN(17)), Zone: zone, By: policy.Dimensions(rng.IntN(64))}
			if rng.IntN(3) == 0 {
				q.Keys = []string{all[0].KeyHash, all[1].KeyHash}
			}
			if q.Scope == policy.ScopeTeam && rng.IntN(2) == 0 {
				q.IDs = []string{"team1"}
			}
			want := wanted(all, q, entities[q.Scope])
			got, err := s.Activity(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Errorf("%v %+v: %d rows, want %d", zone, q, len(got), len(want))
			}
			for _, r := range got {
				k, sums := names(r), r
				sums.Day, sums.Entity, sums.KeyHash, sums.Model, sums.ModelGroup, sums.Provider, sums.Route = "", "", "", "", "", "", ""
				if want[k] != sums {
					t.Fatalf("%v %+v:\ngot  %+v\nwant %+v", zone, q, r, want[k])
				}
			}
		}
	}
	checkSpent(t, s, rng, all, born, again)
}

// checkSpent asks for what scopes spent between any two moments.
func checkSpent(t *testing.T, s *postgres.Store, rng *rand.Rand, all []policy.Entry, born, again time.Time) {
	for range 100 {
		kind := policy.ScopeKind(rng.IntN(int(policy.ScopeTag) + 1))
		id := map[policy.ScopeKind]string{policy.ScopeTeam: "team1", policy.ScopeMember: policy.MemberID("team1", "user1"), policy.ScopeUser: "user1", policy.ScopeCustomer: "customer1",
			policy.ScopeTag: "tag0", policy.ScopeKey: all[0].KeyHash, policy.ScopeProject: "project1", policy.ScopeOrganization: "org1"}[kind]
		moment := func() time.Time {
			at := born.Add(time.Duration(rng.Int64N(int64(17 * 24 * time.Hour))))
			return at.Truncate([]time.Duration{1, time.Hour, 6 * time.Hour, 24 * time.Hour}[rng.IntN(4)])
		}
		q := policy.SpendQuery{Scope: policy.Scope{Kind: kind, ID: id}, Tokens: rng.IntN(4) == 0}
		if rng.IntN(4) > 0 {
			q.From = moment()
		}
		if rng.IntN(3) > 0 {
			q.Until = moment()
		}
		var want policy.Money
		for _, e := range all {
			began := kind == policy.ScopeTeam || kind == policy.ScopeMember
			if e.ReservedAt.Before(q.From) || !q.Until.IsZero() && !e.ReservedAt.Before(q.Until) || began && e.ReservedAt.Before(again) {
				continue
			}
			of := kind == policy.ScopeProxy || kind == policy.ScopeTeam && e.TeamID == id || kind == policy.ScopeUser && e.UserID == id || kind == policy.ScopeCustomer && e.CustomerID == id ||
				kind == policy.ScopeKey && e.KeyHash == id || kind == policy.ScopeProject && e.ProjectID == id || kind == policy.ScopeOrganization && e.OrganizationID == id ||
				kind == policy.ScopeMember && policy.MemberID(e.TeamID, e.UserID) == id || kind == policy.ScopeTag && strings.Contains(strings.Join(e.Tags, " "), id)
			if e.Type == policy.EntryAdjustment {
				of = e.AdjustedKind == kind.String() && e.AdjustedID == id
			}
			switch {
			case of && q.Tokens:
				want += policy.Money(e.Usage.Input + e.Usage.Output)
			case of:
				want += e.Cost.Total
			}
		}
		if !q.Until.IsZero() && q.Until.Before(q.From) {
			want = 0
		}
		got, err := s.Spent(t.Context(), []policy.SpendQuery{q})
		if err != nil || got[0] != want {
			t.Errorf("%+v: %v, %v; want %v", q, got, err, want)
		}
	}
}

// Programs of before there were days write hours alone: the days follow, under the
// same hash as this program's.
func TestDaysFollowWhoWritesHoursAlone(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	s := openAt(t, url)
	all := entries(5, 300)
	all[7].KeyHash, all[8].TeamID, all[9].ModelAsked = "", "ünïcödé-\u6f22", "a,b|c"
	writeEntries(t, s, all...)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, table := range []string{"spend_hourly", "spend_hourly_tag"} {
		for _, sql := range []string{
			"DELETE FROM " + strings.Replace(table, "hourly", "daily", 1),
			"CREATE TEMP TABLE hours_" + table + " AS SELECT * FROM " + table,
			"DELETE FROM " + table, // no program does: the days do not follow this
			"INSERT INTO " + table + " SELECT * FROM hours_" + table + " WHERE hashtext(combination::text) % 2 = 0",
			"INSERT INTO " + table + " AS t SELECT h.* FROM hours_" + table + ` AS h ON CONFLICT (hour, combination) DO UPDATE SET spend = t.spend + 5, requests = t.requests + 1`,
			"UPDATE " + table + " AS t SET spend = h.spend, requests = h.requests FROM hours_" + table + " AS h WHERE t.hour = h.hour AND t.combination = h.combination",
		} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	verify(t, s)
	for i := range all {
		all[i].CallID += "-again"
	}
	writeEntries(t, s, all...)
	verify(t, s)
	var doubled int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) - count(DISTINCT (day, adjusted, key_hash, user_id, team_id, project_id, organization_id, model_asked, model_group, model, provider, route)) FROM spend_daily`).Scan(&doubled); err != nil || doubled != 0 {
		t.Errorf("%d rows of the same, %v", doubled, err)
	}
}
