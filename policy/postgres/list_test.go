package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestListFiltersAndSorts(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := func(n int, change func(*policy.Key)) *policy.Key {
		e := key(n)
		change(e)
		return e
	}
	keys := []*policy.Key{
		k(0, func(k *policy.Key) {
			k.Alias, k.UserID, k.TeamID, k.Limits.MaxBudget = "Alpha", "u1", "t1", ptr(policy.Money(5))
		}),
		k(1, func(k *policy.Key) {
			k.Alias, k.UserID, k.Blocked, k.Models = "beta_50%", "u2", true, []string{"gpt-4o", "claude"}
			k.Fields = []byte(`{"access_group_ids":["g1","g2"],"metadata":{},"agent":"a"}`)
		}),
		k(2, func(k *policy.Key) {
			k.TeamID, k.Expires, k.Tags, k.Limits.MaxBudget, k.CreatedBy = "t1", epoch, []string{"x"}, ptr(policy.Money(50)), "Über Grün"
			k.Fields = []byte(`{"access_group_ids":"no list"}`)
		}),
		k(3, func(k *policy.Key) {
			k.Alias, k.TeamID, k.CreatedBy, k.RevokedAt, k.BudgetID = `q"uo'te\`, "t2", "bob", epoch, "b1"
		}),
	}
	for _, e := range keys {
		create(t, s, e)
	}
	create(t, s, &policy.Team{ID: "t1", Alias: "One", Members: []policy.Member{{UserID: "u1", Role: "admin"}, {UserID: "u2", Role: "user", Email: "x@y"}}, Record: record(0)},
		&policy.Team{ID: "t2", Alias: "Two", Members: []policy.Member{{UserID: "u2", Role: "admin"}}, Record: record(1)},
		&policy.User{ID: "u1", Email: "A@x", Record: record(0)}, &policy.User{ID: "u2", Email: "b@x", Record: record(1)},
		&policy.OrganizationMember{OrganizationID: "o", UserID: "u1", Record: record(0)}, &policy.Organization{ID: "o", Record: record(0)},
		&policy.Membership{TeamID: "t1", UserID: "u1", Record: record(0)})
	now := time.Now()
	writeEntries(t, s, policy.Entry{CallID: "1", KeyHash: keys[1].Hash.String(), TeamID: "t1", UserID: "u1", ReservedAt: now, Cost: policy.Cost{Total: 9}},
		policy.Entry{CallID: "2", KeyHash: keys[2].Hash.String(), TeamID: "t2", ReservedAt: now, Cost: policy.Cost{Total: 7}})

	type cond = policy.Condition
	for name, c := range map[string]struct {
		q     policy.Query
		want  string // the numbers of keys, the ids of others
		total int    // where it is not how many are wanted
	}{
		"all, by creation":         {q: policy.Query{}, want: "0 1 2 3"},
		"newest first":             {q: policy.Query{Descending: true}, want: "3 2 1 0"},
		"a page":                   {q: policy.Query{Limit: 2, Offset: 1}, want: "1 2", total: 4},
		"the last page":            {q: policy.Query{Limit: 2, Offset: 3}, want: "3", total: 4},
		"beyond the last page":     {q: policy.Query{Limit: 2, Offset: 30}, want: "", total: 4},
		"by hash":                  {q: policy.Query{Where: []cond{{Field: "hash", Value: keys[2].Hash.String()}}}, want: "2"},
		"by what is no hash":       {q: policy.Query{Where: []cond{{Field: "hash", Value: "sk-1234"}}}, want: ""},
		"by hashes":                {q: policy.Query{Where: []cond{{Field: "hash", Op: policy.In, Value: []string{keys[2].Hash.String(), "x", keys[0].Hash.String()}}}}, want: "0 2"},
		"by team":                  {q: policy.Query{Where: []cond{{Field: "team_id", Value: "t1"}}}, want: "0 2"},
		"by no team":               {q: policy.Query{Where: []cond{{Field: "team_id"}}}, want: "1"},
		"by an empty team":         {q: policy.Query{Where: []cond{{Field: "team_id", Value: ""}}}, want: "1"},
		"by any team":              {q: policy.Query{Where: []cond{{Field: "team_id", Op: policy.IsNot}}}, want: "0 2 3"},
		"not by team, NULL too":    {q: policy.Query{Where: []cond{{Field: "team_id", Op: policy.IsNot, Value: "t1"}}}, want: "1 3"},
		"by teams":                 {q: policy.Query{Where: []cond{{Field: "team_id", Op: policy.In, Value: []string{"t1", "t2"}}}}, want: "0 2 3"},
		"by no teams at all":       {q: policy.Query{Where: []cond{{Field: "team_id", Op: policy.In, Value: []string{}}}}, want: ""},
		"two conditions":           {q: policy.Query{Where: []cond{{Field: "team_id", Value: "t1"}, {Field: "user_id", Value: "u1"}}}, want: "0"},
		"any of two":               {q: policy.Query{Any: []cond{{Field: "created_by", Value: "bob"}, {Field: "user_id", Value: "u1"}}}, want: "0 3"},
		"any of two, and a third":  {q: policy.Query{Where: []cond{{Field: "team_id", Value: "t2"}}, Any: []cond{{Field: "created_by", Value: "bob"}, {Field: "user_id", Value: "u1"}}}, want: "3"},
		"contained, any case":      {q: policy.Query{Where: []cond{{Field: "alias", Op: policy.Contains, Value: "ALP"}}}, want: "0"},
		"contained, wild cards":    {q: policy.Query{Where: []cond{{Field: "alias", Op: policy.Contains, Value: "_50%"}}}, want: "1"},
		"contained, quotes":        {q: policy.Query{Where: []cond{{Field: "alias", Op: policy.Contains, Value: `"uo'te\`}}}, want: "3"},
		"contained, not ASCII":     {q: policy.Query{Where: []cond{{Field: "created_by", Op: policy.Contains, Value: "ÜBER"}}}, want: "2"},
		"contained, beside ASCII":  {q: policy.Query{Where: []cond{{Field: "created_by", Op: policy.Contains, Value: "R G"}}}, want: "2"},
		"blocked":                  {q: policy.Query{Where: []cond{{Field: "blocked", Value: true}}}, want: "1"},
		"not blocked":              {q: policy.Query{Where: []cond{{Field: "blocked", Value: false}}}, want: "0 2 3"},
		"expired before":           {q: policy.Query{Where: []cond{{Field: "expires", Op: policy.Before, Value: epoch.Add(time.Second)}}}, want: "2"},
		"never expiring":           {q: policy.Query{Where: []cond{{Field: "expires"}}}, want: "0 1 3"},
		"in a grace period":        {q: policy.Query{Where: []cond{{Field: "revoked_at", Op: policy.IsNot}}}, want: "3"},
		"by model":                 {q: policy.Query{Where: []cond{{Field: "model", Value: "claude"}}}, want: "1"},
		"by tag":                   {q: policy.Query{Where: []cond{{Field: "tag", Op: policy.In, Value: []string{"x", "y"}}}}, want: "2"},
		"by budget":                {q: policy.Query{Where: []cond{{Field: "budget_id", Value: "b1"}}}, want: "3"},
		"by access group":          {q: policy.Query{Where: []cond{{Field: "access_group", Value: "g2"}}}, want: "1"},
		"by a field as sent":       {q: policy.Query{Where: []cond{{Field: "fields.agent", Value: "a"}}}, want: "1"},
		"searched by alias":        {q: policy.Query{Where: []cond{{Field: "search", Op: policy.Contains, Value: "beta"}}}, want: "1"},
		"searched by hash":         {q: policy.Query{Where: []cond{{Field: "search", Op: policy.Contains, Value: keys[3].Hash.String()[:20]}}}, want: "3"},
		"sorted by spend":          {q: policy.Query{Sort: "spend", Descending: true, Limit: 2}, want: "1 2", total: 4},
		"sorted by alias":          {q: policy.Query{Sort: "alias", Where: []cond{{Field: "alias", Op: policy.IsNot}}}, want: "0 1 3"},
		"sorted by budget":         {q: policy.Query{Sort: "max_budget", Where: []cond{{Field: "team_id", Value: "t1"}}}, want: "0 2"},
		"teams of a member":        {q: policy.Query{Kind: policy.EntityTeam, Where: []cond{{Field: "member", Value: "u2"}}}, want: "t1 t2"},
		"teams of an admin":        {q: policy.Query{Kind: policy.EntityTeam, Where: []cond{{Field: "admin", Value: "u2"}}}, want: "t2"},
		"teams of members":         {q: policy.Query{Kind: policy.EntityTeam, Where: []cond{{Field: "member", Op: policy.In, Value: []string{"u1", "nobody"}}}}, want: "t1"},
		"teams by spend":           {q: policy.Query{Kind: policy.EntityTeam, Sort: "spend"}, want: "t2 t1"},
		"memberships by spend":     {q: policy.Query{Kind: policy.EntityMembership, Sort: "spend"}, want: "t1\x1fu1"},
		"users of a team":          {q: policy.Query{Kind: policy.EntityUser, Where: []cond{{Field: "team_id", Value: "t2"}}}, want: "u2"},
		"users of an organization": {q: policy.Query{Kind: policy.EntityUser, Where: []cond{{Field: "organization_id", Value: "o"}}}, want: "u1"},
		"users by folded email":    {q: policy.Query{Kind: policy.EntityUser, Where: []cond{{Field: "email_folded", Value: "a@x"}}}, want: "u1"},
		"organizations of a user":  {q: policy.Query{Kind: policy.EntityOrganization, Where: []cond{{Field: "member", Value: "u1"}}}, want: "o"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.q.Kind == "" {
				c.q.Kind = policy.EntityKey
			}
			page, err := s.List(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range page.Entities {
				id := e.Ref().ID
				if i := slices.IndexFunc(keys, func(k *policy.Key) bool { return k.Ref() == e.Ref() }); i >= 0 {
					id = fmt.Sprint(i)
				}
				got = append(got, id)
			}
			total := c.total
			if total == 0 {
				total = len(strings.Fields(c.want))
			}
			if strings.Join(got, " ") != c.want || page.Total != total {
				t.Errorf("got %q of %d, want %q of %d", got, page.Total, c.want, total)
			}
		})
	}
	for name, q := range map[string]policy.Query{
		"a field the kind does not have": {Kind: policy.EntityBudget, Where: []cond{{Field: "alias", Value: "x"}}},
		"SQL for a field":                {Kind: policy.EntityKey, Where: []cond{{Field: "alias = '' OR true --", Value: "x"}}},
		"SQL for an order":               {Kind: policy.EntityKey, Sort: "alias; DROP TABLE keys"},
		"an unknown kind":                {Kind: "planet"},
		"a wrong type":                   {Kind: policy.EntityKey, Where: []cond{{Field: "blocked", Value: "yes"}}},
		"a wrong operator":               {Kind: policy.EntityKey, Where: []cond{{Field: "expires", Op: policy.Contains, Value: "x"}}},
		"an alternative of no sense":     {Kind: policy.EntityKey, Any: []cond{{Field: "nothing", Value: "x"}}},
	} {
		if page, err := s.List(t.Context(), q); err == nil {
			t.Errorf("%s: %v", name, page)
		}
	}
	// Every order there is makes valid SQL.
	for _, kind := range []policy.EntityKind{policy.EntityKey, policy.EntityTeam, policy.EntityMembership, policy.EntityProject, policy.EntityOrganization,
		policy.EntityOrganizationMember, policy.EntityUser, policy.EntityCustomer, policy.EntityBudget, policy.EntityTag, policy.EntityAccessGroup, policy.EntityModel} {
		valid := 0
		for _, sort := range []string{"created_at", "updated_at", "created_by", "budget_id", "max_budget", "soft_budget", "budget_duration", "tpm_limit", "rpm_limit",
			"max_parallel_requests", "spend", "id", "alias", "name", "hash", "user_id", "team_id", "project_id", "organization_id", "expires", "role", "email"} {
			_, err := s.List(t.Context(), policy.Query{Kind: kind, Sort: sort, Descending: true})
			if err != nil && !strings.Contains(err.Error(), "no order by") {
				t.Errorf("%s by %s: %v", kind, sort, err)
			}
			if err == nil {
				valid++
			}
		}
		if valid < 4 {
			t.Errorf("%s: %d orders", kind, valid)
		}
	}
}
