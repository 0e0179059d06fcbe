package policy_test

import (
	"testing"

	"github.com/purser/purser/policy"
)

// Everything the product says of a kind follows from the table: so all of it must
// be there, and names must tell kinds apart.
func TestKinds(t *testing.T) {
	names, fields, letters := map[string]bool{}, map[string]bool{}, map[byte]bool{}
	for k := range policy.Kinds {
		kind := policy.Kind(k)
		i := kind.Info()
		if i.Kind != kind || i.Name == "" || i.Unit == "" || i.Header == "" || i.Field == "" || i.Help == "" {
			t.Errorf("%d: %+v lacks something", k, i)
		}
		if names[i.Name] || fields[i.Field] || fields[i.Models] {
			t.Errorf("%s: its name or field is another's", i.Name)
		}
		names[i.Name], fields[i.Field] = true, true
		if i.Letter < 'a' || i.Letter > 'z' || letters[i.Letter] {
			t.Errorf("%s: its letter %q is none, or another's", i.Name, i.Letter)
		}
		letters[i.Letter] = true
		if i.Models != "" {
			fields[i.Models] = true
		}
		if got, ok := policy.ParseKind(kind.String()); !ok || got != kind {
			t.Errorf("ParseKind(%q) = %v, %v", kind, got, ok)
		}
	}
	if _, ok := policy.ParseKind("nothing"); ok {
		t.Error("ParseKind reads nothing")
	}
}

func TestActualOf(t *testing.T) {
	u := policy.Usage{Input: 30, Cached: 10, Output: 5, Reasoning: 2}
	c := policy.Cost{Total: 99}
	for kind, want := range map[policy.Kind]int64{
		policy.KindRequests: 1, policy.KindTokens: 35, policy.KindInputTokens: 30, policy.KindOutputTokens: 5, policy.KindParallel: 0, policy.KindSpend: 99,
	} {
		if got := policy.ActualOf(kind, u, c); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
}
