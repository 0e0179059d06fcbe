package policy_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

func itoa(n int) string { return strconv.Itoa(n) }

var now = policytest.Epoch

// company is a caller with an entity at every level, and what surrounds it.
type company struct {
	settings     policy.Settings
	models       []*policy.Deployment
	aliases      map[string]string
	organization policy.Organization
	team         policy.Team
	member       *policy.Membership
	project      policy.Project
	user         policy.User
	key          policy.Key
	customer     policy.Customer
	tag          policy.Tag
	budget       policy.Budget
	group        policy.AccessGroup
}

const masterKey = "sk-master"

func newCompany() *company {
	return &company{
		settings:     policy.Settings{HasMasterKey: true, MasterKey: policy.HashKey(masterKey)},
		models:       []*policy.Deployment{policytest.Deployment("gpt-4", 2, 10), policytest.Deployment("claude", 3, 15)},
		organization: policy.Organization{ID: "o"},
		team:         policy.Team{ID: "t", OrganizationID: "o", Members: []policy.Member{{UserID: "u", Role: "user"}}},
		project:      policy.Project{ID: "p", TeamID: "t"},
		user:         policy.User{ID: "u"},
		key:          policy.Key{Hash: policy.HashKey("sk-test"), Name: "sk-...test", UserID: "u", TeamID: "t", ProjectID: "p"},
		customer:     policy.Customer{ID: "c"},
		tag:          policy.Tag{Name: "blue"},
		budget:       policy.Budget{ID: "b"},
		group:        policy.AccessGroup{ID: "g-1", Name: "managed"},
	}
}

// directory of the company as it now is.
func (c *company) directory() *policy.Directory {
	d := policy.NewDirectory(c.settings.Compile(), policy.NewCatalog(c.models, c.aliases))
	// Copies: a directory owns what it is given.
	organization, team, project, user, key, customer, tag, budget, group := c.organization, c.team, c.project, c.user, c.key, c.customer, c.tag, c.budget, c.group
	for _, e := range []policy.Entity{&organization, &team, &project, &user, &key, &customer, &tag, &budget, &group} {
		if r := policy.RecordOf(e); r.CreatedAt.IsZero() {
			r.CreatedAt = now.AddDate(0, -2, 0)
		}
		d.Put(e)
	}
	if c.member != nil {
		member := *c.member
		member.TeamID, member.UserID, member.CreatedAt = "t", "u", now.AddDate(0, -2, 0)
		d.Put(&member)
	}
	return d
}

// grant resolves a key of the company.
func (c *company) grant(t testing.TB, plain string) *policy.Grant {
	t.Helper()
	g, ok := c.directory().Resolve(policy.HashKey(plain))
	if !ok {
		t.Fatalf("%s is unknown", plain)
	}
	return &g
}

// decide a call of the company's key for gpt-4, with 100 tokens of prompt and at
// most 50 of answer, for customer c with tag blue.
func (c *company) decide(t testing.TB, changes ...func(*policy.Request)) policy.Decision {
	t.Helper()
	return policy.Decide(c.grant(t, "sk-test"), call(changes...), now)
}

func call(changes ...func(*policy.Request)) policy.Request {
	r := policy.Request{Model: "gpt-4", NeedsModel: true, Customer: "c", Tags: []string{"blue"}, Input: 100, MaxOutput: 50, Choices: 1}
	for _, f := range changes {
		f(&r)
	}
	return r
}

func model(name string) func(*policy.Request) {
	return func(r *policy.Request) { r.Model = name }
}

// level is a place limits and model lists can be set at.
type level struct {
	name  string
	scope policy.Scope
	rules func(*company) *policy.Rules
}

func levels(c *company) []level {
	return []level{
		{"organization", policy.Scope{Kind: policy.ScopeOrganization, ID: "o"}, func(c *company) *policy.Rules { return &c.organization.Rules }},
		{"team", policy.Scope{Kind: policy.ScopeTeam, ID: "t"}, func(c *company) *policy.Rules { return &c.team.Rules }},
		{"member", policy.Scope{Kind: policy.ScopeMember, ID: policy.MemberID("t", "u")}, func(c *company) *policy.Rules {
			if c.member == nil {
				c.member = &policy.Membership{}
			}
			return &c.member.Rules
		}},
		{"project", policy.Scope{Kind: policy.ScopeProject, ID: "p"}, func(c *company) *policy.Rules { return &c.project.Rules }},
		{"user", policy.Scope{Kind: policy.ScopeUser, ID: "u"}, func(c *company) *policy.Rules { return &c.user.Rules }},
		{"key", policy.Scope{Kind: policy.ScopeKey, ID: c.key.Hash.String()}, func(c *company) *policy.Rules { return &c.key.Rules }},
		{"customer", policy.Scope{Kind: policy.ScopeCustomer, ID: "c"}, func(c *company) *policy.Rules { return &c.customer.Rules }},
		{"tag", policy.Scope{Kind: policy.ScopeTag, ID: "blue"}, func(c *company) *policy.Rules { return &c.tag.Rules }},
	}
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}
