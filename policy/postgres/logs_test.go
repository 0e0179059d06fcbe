package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
)

func TestLogsFilterSortAndPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	// Four requests an hour apart; 3 is the dearest, 1 the slowest.
	var all []policy.Entry
	for i := range 4 {
		at := base.Add(time.Duration(i) * time.Hour)
		all = append(all, policy.Entry{CallID: fmt.Sprint("c", i), RequestID: fmt.Sprint("r", i), KeyHash: fmt.Sprint("k", i%2), UserID: "u", TeamID: fmt.Sprint("t", i),
			ProjectID: "p", OrganizationID: "o", CustomerID: "e", KeyAlias: "alias", Session: "s", Tags: []string{fmt.Sprint("tag", i)}, Model: "m-2026", ModelAsked: "m", ModelGroup: "*",
			Deployment: "d", Status: policy.StatusSuccess, ReservedAt: at.Add(time.Minute), StartedAt: at, EndedAt: at.Add(time.Second),
			Usage: policy.Usage{Input: int64(10 - i)}, Cost: policy.Cost{Total: policy.Money(i)}})
	}
	all[1].EndedAt, all[2].Status, all[0].EndedAt = base.Add(time.Hour+time.Minute), policy.StatusFailure, time.Time{}
	writeEntries(t, s, all...)
	writeEntries(t, s, policy.Entry{Type: policy.EntryAdjustment, CallID: "adj", AdjustedKind: "key", AdjustedID: "k1", ReservedAt: base, Cost: policy.Cost{Total: 5}})
	for name, c := range map[string]struct {
		q     policy.LogQuery
		want  string
		total int
	}{
		"newest first":         {q: policy.LogQuery{}, want: "3 2 1 0"},
		"oldest first":         {q: policy.LogQuery{Ascending: true}, want: "0 1 2 3"},
		"a page":               {q: policy.LogQuery{Limit: 2, Offset: 1}, want: "2 1", total: 4},
		"the last page":        {q: policy.LogQuery{Limit: 3, Offset: 3}, want: "0", total: 4},
		"from, inclusive":      {q: policy.LogQuery{From: all[2].StartedAt}, want: "3 2"},
		"until, exclusive":     {q: policy.LogQuery{Until: all[2].StartedAt}, want: "1 0"},
		"our id":               {q: policy.LogQuery{RequestID: "c1"}, want: "1"},
		"the provider's id":    {q: policy.LogQuery{RequestID: "r2"}, want: "2"},
		"an adjustment's id":   {q: policy.LogQuery{RequestID: "adj"}, want: "dj"},
		"key":                  {q: policy.LogQuery{KeyHash: "k1"}, want: "3 1"},
		"everything":           {q: policy.LogQuery{UserID: "u", ProjectID: "p", OrganizationID: "o", Customer: "e", Session: "s", Deployment: "d", KeyAlias: "alias"}, want: "3 2 1 0"},
		"another user":         {q: policy.LogQuery{UserID: "x"}, want: ""},
		"team":                 {q: policy.LogQuery{TeamID: "t1"}, want: "1"},
		"any of some teams":    {q: policy.LogQuery{Teams: []string{"t1", "t3", "x"}}, want: "3 1"},
		"none of no teams":     {q: policy.LogQuery{Teams: []string{}}, want: ""},
		"provider's model":     {q: policy.LogQuery{Model: "m-2026"}, want: "3 2 1 0"},
		"model asked for":      {q: policy.LogQuery{Model: "m"}, want: "3 2 1 0"},
		"model group":          {q: policy.LogQuery{ModelGroup: "*"}, want: "3 2 1 0"},
		"status":               {q: policy.LogQuery{Status: policy.StatusFailure}, want: "2"},
		"tag":                  {q: policy.LogQuery{Tag: "tag3"}, want: "3"},
		"cost between":         {q: policy.LogQuery{MinCost: ptr(policy.Money(1)), MaxCost: ptr(policy.Money(2))}, want: "2 1"},
		"dearest first":        {q: policy.LogQuery{Sort: "spend", Limit: 1}, want: "3", total: 4},
		"most tokens first":    {q: policy.LogQuery{Sort: "total_tokens"}, want: "0 1 2 3"},
		"slowest first":        {q: policy.LogQuery{Sort: "request_duration_ms", Limit: 1}, want: "1", total: 4},
		"start, as LiteLLM":    {q: policy.LogQuery{Sort: "startTime"}, want: "3 2 1 0"},
		"text that is no text": {q: policy.LogQuery{UserID: "\x00"}, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			es, total, capped, err := s.Logs(t.Context(), c.q)
			if err != nil || capped {
				t.Fatalf("%v, capped: %v", err, capped)
			}
			var got []string
			for _, e := range es {
				got = append(got, e.CallID[1:])
			}
			if c.total == 0 {
				c.total = len(got)
			}
			if strings.Join(got, " ") != c.want || total != c.total {
				t.Errorf("got %q of %d, want %q of %d", got, total, c.want, c.total)
			}
		})
	}
	if _, _, _, err := s.Logs(t.Context(), policy.LogQuery{Sort: "1; DROP TABLE spend_logs"}); err == nil {
		t.Error("an unknown order is accepted")
	}
	var many []policy.Entry
	for i := range 10_001 {
		many = append(many, policy.Entry{CallID: fmt.Sprint("many", i), ReservedAt: base})
	}
	writeEntries(t, s, many...)
	if _, total, capped, err := s.Logs(t.Context(), policy.LogQuery{Limit: 1}); err != nil || total != 10_000 || !capped {
		t.Errorf("%d, capped: %v, %v", total, capped, err)
	}
}

func TestActivityByDayInAnyZone(t *testing.T) {
	t.Parallel()
	s := open(t)
	all := entries(21, 400)
	writeEntries(t, s, all...)
	writeEntries(t, s, policy.Entry{Type: policy.EntryAdjustment, CallID: "adj", AdjustedKind: "team", AdjustedID: "team1", ReservedAt: base, Cost: policy.Cost{Total: 1e9}},
		policy.Entry{Type: policy.EntryAdjustment, CallID: "adj2", AdjustedKind: "tag", AdjustedID: "tag0", ReservedAt: base, Cost: policy.Cost{Total: 1e9}})
	entity := func(e policy.Entry, kind policy.ScopeKind) []string {
		switch kind {
		case policy.ScopeTeam:
			return []string{e.TeamID}
		case policy.ScopeMember:
			if e.TeamID != "" && e.UserID != "" {
				return []string{policy.MemberID(e.TeamID, e.UserID)}
			}
		case policy.ScopeProject:
			return []string{e.ProjectID}
		case policy.ScopeKey:
			return []string{e.KeyHash}
		case policy.ScopeTag:
			return e.Tags
		}
		return nil
	}
	for _, zone := range []string{"UTC", "America/Los_Angeles", "Asia/Kolkata", "Asia/Kathmandu"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []policy.ActivityQuery{
			{Scope: policy.ScopeProxy}, {Scope: policy.ScopeTeam}, {Scope: policy.ScopeTag}, {Scope: policy.ScopeMember}, {Scope: policy.ScopeKey},
			{Scope: policy.ScopeTeam, IDs: []string{"team2"}}, {Scope: policy.ScopeTeam, Exclude: []string{"team2"}}, {Scope: policy.ScopeProject, IDs: []string{}},
			{Scope: policy.ScopeProject, Model: "openai/m1"}, {Scope: policy.ScopeProject, KeyHash: all[0].KeyHash},
		} {
			c.From, c.Until, c.Zone = time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC), time.Date(2026, 5, 8, 0, 0, 0, 0, time.UTC), loc
			want := map[string]policy.ActivityRow{}
			for _, e := range all {
				day := e.ReservedAt.In(loc).Format("2006-01-02")
				if day != "2026-05-06" && day != "2026-05-07" || c.Model != "" && e.ModelAsked != c.Model || c.KeyHash != "" && e.KeyHash != c.KeyHash {
					continue
				}
				ids := entity(e, c.Scope)
				if c.Scope == policy.ScopeProxy {
					ids = []string{""}
				}
				for _, id := range ids {
					if id == "" && c.Scope != policy.ScopeProxy || c.IDs != nil && !slices.Contains(c.IDs, id) || slices.Contains(c.Exclude, id) {
						continue
					}
					k := fmt.Sprint(day, id, e.KeyHash)
					r := want[k]
					r.Day, r.Entity, r.KeyHash, r.Model, r.ModelGroup, r.Provider, r.Route = day, id, e.KeyHash, "m", "openai/*", "openai", "/chat/completions"
					r.Spend += e.Cost.Total
					r.Input += e.Usage.Input
					r.Output += e.Usage.Output
					r.CacheRead += 3
					r.CacheWrite += 2
					r.Requests++
					if e.Status == policy.StatusSuccess {
						r.Succeeded++
					}
					if e.Status == policy.StatusFailure {
						r.Failed++
					}
					r.Millis += 1001
					want[k] = r
				}
			}
			got, err := s.Activity(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Errorf("%s %+v: %d rows, want %d", zone, c, len(got), len(want))
			}
			if !slices.IsSortedFunc(got, func(a, b policy.ActivityRow) int { return strings.Compare(a.Day, b.Day) }) {
				t.Error("days are out of order")
			}
			for _, r := range got {
				if w := want[fmt.Sprint(r.Day, r.Entity, r.KeyHash)]; r != w {
					t.Errorf("%s %v:\ngot  %+v\nwant %+v", zone, c.Scope, r, w)
				}
			}
		}
	}
	if _, err := s.Activity(t.Context(), policy.ActivityQuery{}); err == nil {
		t.Error("a query without dates is accepted")
	}
}

func TestRefusalsAreCountedWithTheirLastSample(t *testing.T) {
	t.Parallel()
	s := open(t)
	count := func(key string, minute, n int64) policy.RefusalCount {
		at := base.Add(time.Duration(minute) * time.Minute)
		return policy.RefusalCount{Minute: at.Truncate(time.Minute), KeyHash: key, TeamID: "t", Project: "p", Code: policy.CodeRate, Scope: policy.Scope{Kind: policy.ScopeTeam, ID: "t"},
			Kind: "requests", Model: "m", Count: n, Sample: policy.RefusalSample{CallID: fmt.Sprint(n), At: at.Add(time.Duration(n) * time.Second), Message: "slow down", Limit: 1, Used: 2}}
	}
	for _, batch := range [][]policy.RefusalCount{{count("a", 0, 1), count("a", 0, 5), count("a", 0, 3), count("b", 0, 1)}, {count("a", 0, 2), count("a", 1, 1)}, nil} {
		if err := s.WriteRefusals(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	got, total, err := s.Refusals(t.Context(), postgres.RefusalQuery{KeyHash: "a", Scope: &policy.Scope{Kind: policy.ScopeTeam, ID: "t"}, Code: policy.CodeRate, Limit: 1, Offset: 1})
	want := count("a", 0, 5)
	want.Count = 11
	if err != nil || total != 2 || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("%v, %d\ngot  %+v\nwant %+v", err, total, got, want)
	}
	_, total, err = s.Refusals(t.Context(), postgres.RefusalQuery{From: base, Until: base.Add(time.Minute), TeamID: "t", Project: "p", Kind: "requests", Model: "m", Teams: []string{"t"}})
	if err != nil || total != 2 {
		t.Errorf("%d, %v", total, err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := open(t)
	if _, err := s.Setting(t.Context(), "ui"); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for _, v := range []json.RawMessage{[]byte(`{"b":1, "a":2}`), []byte(`null`)} {
		if err := s.PutSetting(t.Context(), policy.Actor{UserID: "admin"}, "ui", v); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Setting(t.Context(), "ui"); err != nil || string(got) != string(v) {
			t.Errorf("got %s, %v", got, err)
		}
	}
	if err := s.PutSetting(t.Context(), policy.Actor{UserID: "admin"}, "ui", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Setting(t.Context(), "ui"); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if audit, err := s.Audit(t.Context(), postgres.AuditQuery{ObjectID: "ui", ChangedBy: "admin"}); err != nil || audit.Total != 3 {
		t.Errorf("%+v, %v", audit, err)
	}
}
