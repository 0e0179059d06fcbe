package postgres_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

var base = time.Date(2026, 5, 6, 7, 30, 0, 0, time.UTC)

// entry is a request on one of a few of everything.
func entry(rng *rand.Rand, n int) policy.Entry {
	at := base.Add(time.Duration(rng.Int64N(int64(30 * time.Hour)))).Truncate(time.Microsecond)
	pick := func(name string, of int) string {
		if i := rng.IntN(of + 1); i > 0 {
			return fmt.Sprint(name, i)
		}
		return ""
	}
	e := policy.Entry{
		Type: policy.EntryRequest, CallID: fmt.Sprint("call-", n), KeyHash: policy.HashKey(pick("k", 4)).String(), UserID: pick("user", 3),
		TeamID: pick("team", 2), ProjectID: pick("project", 2), OrganizationID: pick("org", 1), CustomerID: pick("customer", 2),
		CallType: "acompletion", Route: "/chat/completions", ModelAsked: pick("openai/m", 3), ModelGroup: "openai/*", Model: "m", Provider: "openai",
		ReservedAt: at, StartedAt: at.Add(-time.Millisecond), EndedAt: at.Add(time.Second),
		Status: []policy.Status{policy.StatusSuccess, policy.StatusFailure, policy.StatusAbandoned}[rng.IntN(3)],
		Usage:  policy.Usage{Input: rng.Int64N(1000), Output: rng.Int64N(1000), Cached: 3, CacheWrite1h: 2, Source: policy.UsageReported},
		Cost:   policy.Cost{Total: policy.Money(rng.Int64N(1e9)), Input: 5},
	}
	for i := range rng.IntN(3) {
		e.Tags = append(e.Tags, fmt.Sprint("tag", i))
	}
	return e
}

func entries(seed uint64, n int) []policy.Entry {
	rng := rand.New(rand.NewPCG(seed, 0))
	out := make([]policy.Entry, n)
	for i := range out {
		out[i] = entry(rng, i)
	}
	return out
}

func writeEntries(t testing.TB, s *postgres.Store, es ...policy.Entry) {
	t.Helper()
	if err := s.WriteEntries(t.Context(), es); err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, s *postgres.Store) {
	t.Helper()
	differences, err := s.Verify(t.Context())
	if err != nil || differences != nil {
		t.Errorf("%v, %d differences:\n%s", err, len(differences), strings.Join(differences, "\n"))
	}
}

func logs(t testing.TB, s *postgres.Store, q policy.LogQuery) []policy.Entry {
	t.Helper()
	es, _, _, err := s.Logs(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

func fullEntry() policy.Entry {
	return policy.Entry{
		Type: policy.EntryRequest, CallID: "call", RequestID: "chatcmpl-1", Session: "session", Upstream: "upstream", KeyHash: "hash", KeyAlias: "ka",
		UserID: "u", TeamID: "t", TeamAlias: "ta", ProjectID: "p", ProjectAlias: "pa", OrganizationID: "o", CustomerID: "c", Tags: []string{"b", "a"},
		CallType: "acompletion", Route: "/chat/completions", ModelAsked: "asked", ModelGroup: "group", Model: "model", Deployment: "d", Provider: "openai",
		APIBase: "https://api", Attempts: 2, Stream: true, ReservedAt: base, StartedAt: base.Add(time.Microsecond), FirstByte: base.Add(time.Second),
		EndedAt: base.Add(2 * time.Second), Status: policy.StatusFailure, HTTPStatus: 500, Error: "broke",
		Usage: policy.Usage{Input: 1, Cached: 2, CacheWrite5m: 3, CacheWrite1h: 4, AudioInput: 5, ImageInput: 6, Output: 7, Reasoning: 8, AudioOutput: 9,
			ImageOutput: 10, Images: 11, Pixels: 12, Characters: 13, Millis: 14, Queries: 15, Searches: 16, ServiceTier: "flex", Source: policy.UsageCounted},
		Cost:     policy.Cost{Total: -1, Input: 2, Output: 3, CacheRead: 4, CacheWrite: 5, Reasoning: 6, Other: math.MaxInt64},
		ClientIP: "10.0.0.1", UserAgent: "curl", Clamped: 99, Limits: "kr,a,1,1",
	}
}

func TestEntriesReadBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	s := open(t)
	full := fullEntry()
	adjusted := policy.Entry{Type: policy.EntryAdjustment, CallID: "adjust", AdjustedKind: "key", AdjustedID: "hash", KeyHash: "hash", UserID: "who-did-it", Status: policy.StatusSuccess,
		ReservedAt: base, StartedAt: base, Cost: policy.Cost{Total: -5}}
	bare := policy.Entry{Type: policy.EntryRequest, CallID: "bare", Status: policy.StatusAbandoned, ReservedAt: base, StartedAt: base}
	missing := slices.DeleteFunc(unset(reflect.ValueOf(full), ""), func(f string) bool { return strings.HasPrefix(f, ".Adjusted") })
	if len(missing) > 0 {
		t.Fatalf("the test forgets %v", missing)
	}
	writeEntries(t, s, full, adjusted, bare)
	for _, want := range []policy.Entry{full, adjusted, bare} {
		got := logs(t, s, policy.LogQuery{RequestID: want.CallID})
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	verify(t, s)
}

func TestTheBetterSourceStaysInEitherOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	sources := []policy.UsageSource{policy.UsageReported, policy.UsageCounted, policy.UsageEstimated}
	n := 0
	for _, first := range sources {
		for _, second := range sources {
			for _, together := range []bool{false, true} {
				n++
				make := func(src policy.UsageSource, order int) policy.Entry {
					e := entry(rand.New(rand.NewPCG(1, uint64(n))), n)
					e.Usage.Source, e.Cost.Total, e.Deployment = src, policy.Money(10*int(src)+order), fmt.Sprint("d", order)
					e.Route = fmt.Sprint("route", order) // another combination: the first one's must empty again
					return e
				}
				a, b := make(first, 1), make(second, 2)
				want := a
				if second < first {
					want = b
				}
				if together {
					writeEntries(t, s, a, b)
				} else {
					writeEntries(t, s, a)
					writeEntries(t, s, b)
				}
				writeEntries(t, s, a, b, a)
				if got := logs(t, s, policy.LogQuery{RequestID: a.CallID}); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
					t.Errorf("%v then %v (together: %v): got %+v", first, second, together, got)
				}
			}
		}
	}
	verify(t, s)
}

// The same calls written by many at once, in batches of any order, some estimated
// and some reported: one row each, the reported one, and sums that agree.
func TestConcurrentDuplicatesCountOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	all := entries(7, 600)
	want := map[string]policy.Money{}
	for _, e := range all {
		want[e.CallID] = e.Cost.Total
	}
	stores := []*postgres.Store{openAt(t, url), openAt(t, url)}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(9, uint64(w)))
			mine := slices.Clone(all)
			rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			for batch := range slices.Chunk(mine, 100) {
				if w%2 == 0 {
					batch = slices.Clone(batch)
					for i := range batch {
						batch[i].Usage.Source, batch[i].Cost.Total, batch[i].TeamID = policy.UsageEstimated, 5, "team1"
					}
				}
				if err := stores[w%2].WriteEntries(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := logs(t, stores[0], policy.LogQuery{Limit: 10_000})
	if len(got) != len(all) {
		t.Errorf("%d rows of %d calls", len(got), len(all))
	}
	for _, e := range got {
		if e.Usage.Source != policy.UsageReported || e.Cost.Total != want[e.CallID] {
			t.Errorf("%s: %v %v", e.CallID, e.Usage.Source, e.Cost.Total)
		}
	}
	verify(t, stores[0])
}

func TestHostileEntriesHoldUpNobody(t *testing.T) {
	t.Parallel()
	s := open(t)
	good := entries(3, 20)
	bad := entry(rand.New(rand.NewPCG(1, 1)), 1000)
	bad.CallID = ""
	nowhere := policy.Entry{Type: policy.EntryAdjustment, CallID: "x", AdjustedKind: "planet", AdjustedID: "earth"}
	wild := fullEntry()
	wild.CallID, wild.Tags, wild.UserAgent = "wild", []string{"a\x00", strings.Repeat("y", 9000), "", "\xff"}, strings.Repeat("agent \xff", 5000)
	wild.CustomerID, wild.ModelAsked, wild.TeamID, wild.UserID = strings.Repeat("c", 5000), strings.Repeat("m", 9000), strings.Repeat("t", 900), strings.Repeat("u", 900)
	wild.ReservedAt, wild.StartedAt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}
	over := wild
	over.CallID, over.Cost.Total = "over", math.MaxInt64
	full := policy.Entry{Type: policy.EntryAdjustment, CallID: "full", AdjustedKind: "team", AdjustedID: "full", Cost: policy.Cost{Total: math.MaxInt64 - 1}}
	fuller := full // does not fit the sum any more
	fuller.CallID = "fuller"
	for range 2 {
		err := s.WriteEntries(t.Context(), append([]policy.Entry{wild, bad, over, nowhere, full, fuller}, good...))
		var rejected *postgres.Rejected
		if !errors.As(err, &rejected) || len(rejected.Entries) < 3 {
			t.Fatalf("got %v", err)
		}
		ids := map[string]bool{}
		for i, e := range rejected.Entries {
			ids[e.CallID] = rejected.Reasons[i] != nil
		}
		if !ids[""] || !ids["over"] || !ids["x"] || len(ids) > 4 {
			t.Fatalf("rejected %v", rejected)
		}
	}
	if got := logs(t, s, policy.LogQuery{Limit: 100}); len(got) != 21 {
		t.Errorf("%d rows", len(got))
	}
	verify(t, s)
	id := policy.MemberID(wild.TeamID, wild.UserID)
	spent, err := s.Spent(t.Context(), []policy.SpendQuery{{Scope: policy.Scope{Kind: policy.ScopeMember, ID: id}}, {Scope: policy.Scope{Kind: policy.ScopeCustomer, ID: wild.CustomerID}}})
	if err != nil || spent[0] != wild.Cost.Total || spent[1] != wild.Cost.Total {
		t.Errorf("ids too long to store are not found: %v, %v", spent, err)
	}
}

func TestRetentionDropsDaysAndKeepsSums(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	s := openAt(t, url)
	old, now := entries(1, 1)[0], entries(2, 1)[0]
	old.ReservedAt, now.ReservedAt = time.Now().AddDate(0, 0, -10), time.Now()
	writeEntries(t, s, old, now)
	dropped, err := s.Retain(t.Context(), 5*24*time.Hour)
	if err != nil || !slices.Equal(dropped, []string{old.ReservedAt.UTC().Format("2006-01-02")}) {
		t.Fatalf("%v, %v", dropped, err)
	}
	if got := logs(t, s, policy.LogQuery{}); len(got) != 1 {
		t.Errorf("%d rows", len(got))
	}
	spent, err := s.Spent(t.Context(), []policy.SpendQuery{{}, {From: time.Now().AddDate(0, 0, -20).Truncate(time.Hour)}, {Until: time.Now().AddDate(0, 0, -1)}})
	if all := old.Cost.Total + now.Cost.Total; err != nil || spent[0] != all || spent[1] != all || spent[2] != old.Cost.Total {
		t.Errorf("%v, %v", spent, err)
	}
	verify(t, s)
	// Another process dropped a day that this one believes is there.
	other := openAt(t, url)
	now.CallID, now.ReservedAt = "again", time.Now().AddDate(0, 0, -10)
	writeEntries(t, s, now)
	if _, err := other.Retain(t.Context(), 5*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	now.CallID = "and again"
	writeEntries(t, s, now)
}

func TestSpentIsExact(t *testing.T) {
	t.Parallel()
	s := open(t)
	all := entries(11, 500)
	for i, kind := range []policy.ScopeKind{policy.ScopeProxy, policy.ScopeOrganization, policy.ScopeTeam, policy.ScopeMember, policy.ScopeProject,
		policy.ScopeUser, policy.ScopeKey, policy.ScopeCustomer, policy.ScopeTag} {
		id := map[policy.ScopeKind]string{policy.ScopeOrganization: "org1", policy.ScopeTeam: "team1", policy.ScopeMember: policy.MemberID("team1", "user1"),
			policy.ScopeProject: "project1", policy.ScopeUser: "user1", policy.ScopeKey: policy.HashKey("k1").String(), policy.ScopeCustomer: "customer1", policy.ScopeTag: "tag0"}[kind]
		e := entry(rand.New(rand.NewPCG(5, uint64(i))), 10_000+i)
		e.Type, e.AdjustedKind, e.AdjustedID, e.Cost.Total = policy.EntryAdjustment, kind.String(), id, -policy.Money(1000+i)
		e.KeyHash, e.UserID, e.TeamID, e.ProjectID, e.OrganizationID, e.CustomerID, e.Tags = "", "", "", "", "", "", nil
		all = append(all, e)
	}
	for batch := range slices.Chunk(all, 97) {
		writeEntries(t, s, batch...)
	}
	verify(t, s)

	counts := func(e policy.Entry, scope policy.Scope) bool {
		if e.Type == policy.EntryAdjustment {
			return e.AdjustedKind == scope.Kind.String() && e.AdjustedID == scope.ID
		}
		switch scope.Kind {
		case policy.ScopeOrganization:
			return e.OrganizationID == scope.ID
		case policy.ScopeTeam:
			return e.TeamID == scope.ID
		case policy.ScopeMember:
			return policy.MemberID(e.TeamID, e.UserID) == scope.ID
		case policy.ScopeProject:
			return e.ProjectID == scope.ID
		case policy.ScopeUser:
			return e.UserID == scope.ID
		case policy.ScopeKey:
			return e.KeyHash == scope.ID
		case policy.ScopeCustomer:
			return e.CustomerID == scope.ID
		case policy.ScopeTag:
			return slices.Contains(e.Tags, scope.ID)
		}
		return true
	}
	model := func(e policy.Entry) string {
		if e.ModelAsked == "" {
			return e.ModelGroup
		}
		return e.ModelAsked
	}
	scopes := []policy.Scope{{}, {Kind: policy.ScopeOrganization, ID: "org1"}, {Kind: policy.ScopeTeam, ID: "team1"}, {Kind: policy.ScopeTeam, ID: "nobody"},
		{Kind: policy.ScopeMember, ID: policy.MemberID("team1", "user1")}, {Kind: policy.ScopeMember, ID: policy.MemberID("team2", "user1")},
		{Kind: policy.ScopeProject, ID: "project1"}, {Kind: policy.ScopeUser, ID: "user1"}, {Kind: policy.ScopeKey, ID: policy.HashKey("k1").String()},
		{Kind: policy.ScopeCustomer, ID: "customer1"}, {Kind: policy.ScopeTag, ID: "tag0"}, {Kind: policy.ScopeTag, ID: "tag1"}}
	one := all[17].ReservedAt
	times := []time.Time{{}, base, base.Add(30 * time.Minute), base.Add(10*time.Hour + time.Nanosecond), one, one.Add(time.Microsecond), base.Add(20 * time.Hour).Truncate(time.Hour),
		base.Add(20*time.Hour + time.Millisecond), base.Add(48 * time.Hour)}
	for i := range 4 { // and any others, within an hour too
		times = append(times, base.Add(time.Duration(i)*time.Hour/3+7*time.Second))
	}
	var queries []policy.SpendQuery
	for _, scope := range scopes {
		for _, m := range []string{"", "openai/m1", "openai/*", "openai/m_"} {
			for _, from := range times {
				for _, until := range times {
					queries = append(queries, policy.SpendQuery{Scope: scope, Model: m, From: from, Until: until})
				}
			}
		}
	}
	spent, err := s.Spent(t.Context(), queries)
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	for i, q := range queries {
		var want policy.Money
		for _, e := range all {
			if counts(e, q.Scope) && (q.Model == "" || policy.Match(q.Model, model(e))) &&
				!e.ReservedAt.Before(q.From) && (q.Until.IsZero() || e.ReservedAt.Before(q.Until)) {
				want += e.Cost.Total
			}
		}
		if spent[i] != want {
			if bad++; bad < 10 {
				t.Errorf("%+v: got %d, want %d", q, spent[i], want)
			}
		}
	}
	t.Logf("%d queries, %d wrong", len(queries), bad)

	totals, err := s.Totals(t.Context(), scopes)
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range scopes {
		models, err := s.ModelSpend(t.Context(), scope)
		if err != nil {
			t.Fatal(err)
		}
		var sum, want policy.Money
		for _, m := range models {
			sum += m
		}
		for _, e := range all {
			if counts(e, scope) {
				want += e.Cost.Total
			}
		}
		if totals[scope] != want || sum != want {
			t.Errorf("%v: total %d, by model %d, want %d", scope, totals[scope], sum, want)
		}
	}
}
