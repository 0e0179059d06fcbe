package policy_test

import (
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

func TestKeyHash(t *testing.T) {
	h := policy.HashKey("sk-1234")
	if got := h.String(); got != "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b" {
		t.Errorf("the hash of sk-1234 is %s", got)
	}
	if got, ok := policy.ParseKeyHash(h.String()); !ok || !got.Equal(h) || !h.Equal(got) {
		t.Errorf("%s reads back as %s, %v", h, got, ok)
	}
	if got, ok := policy.ParseKeyHash(strings.ToUpper(h.String())); !ok || got != h {
		t.Errorf("in capitals it reads back as %s, %v", got, ok)
	}
	for _, text := range []string{"", "sk-1234", h.String()[:63], h.String() + "0", strings.Repeat("g", 64), strings.Repeat("é", 32)} {
		if got, ok := policy.ParseKeyHash(text); ok {
			t.Errorf("ParseKeyHash(%q) = %s", text, got)
		}
	}
	if h.Equal(policy.HashKey("sk-1235")) {
		t.Error("two keys have one hash")
	}
}

func TestRefs(t *testing.T) {
	seen := map[policy.Ref]bool{}
	for _, e := range []policy.Entity{
		&policy.Key{}, &policy.Team{ID: "x"}, &policy.Membership{TeamID: "x", UserID: "y"}, &policy.Project{ID: "x"}, &policy.Organization{ID: "x"},
		&policy.OrganizationMember{OrganizationID: "x", UserID: "y"}, &policy.User{ID: "x"}, &policy.Customer{ID: "x"}, &policy.Budget{ID: "x"}, &policy.Tag{Name: "x"}, &policy.AccessGroup{ID: "x"}, &policy.StoredModel{ID: "x"},
	} {
		if seen[e.Ref()] || e.Ref().Kind == "" || e.Ref().ID == "" {
			t.Errorf("%T: %+v", e, e.Ref())
		}
		seen[e.Ref()] = true
		policy.RecordOf(e).CreatedBy = "me"
		if policy.RecordOf(e).CreatedBy != "me" {
			t.Errorf("%T: RecordOf is of a copy", e)
		}
	}
}
