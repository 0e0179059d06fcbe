package policy_test

import (
	"testing"

	"github.com/purser/purser/policy"
)

func TestScopes(t *testing.T) {
	n := 0
	for k := policy.ScopeProxy; k <= policy.ScopeDeployment; k++ {
		n++
		if got, ok := policy.ParseScopeKind(k.String()); !ok || got != k || k.Title() == "" {
			t.Errorf("ParseScopeKind(%q) = %v, %v; title %q", k, got, ok, k.Title())
		}
	}
	if _, ok := policy.ParseScopeKind("nothing"); ok || n != 10 {
		t.Errorf("ParseScopeKind reads nothing; %d levels", n)
	}
	if policy.MemberID("a", "bc") == policy.MemberID("ab", "c") {
		t.Error("two members have one id")
	}
	for want, s := range map[string]policy.Scope{"proxy": {}, "team:t": {Kind: policy.ScopeTeam, ID: "t"}} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
