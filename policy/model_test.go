package policy_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/policytest"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"gpt-4", "gpt-4", true}, {"gpt-4", "gpt-4o", false}, {"gpt-4o", "gpt-4", false}, {"", "", true}, {"", "x", false},
		{"*", "", true}, {"*", "anything/at all", true},
		{"openai/*", "openai/gpt-4", true}, {"openai/*", "openai/", true}, {"openai/*", "openai", false}, {"openai/*", "xopenai/gpt-4", false},
		{"*-mini", "gpt-4o-mini", true}, {"*-mini", "gpt-4o-mini-2024", false}, {"*-mini", "-mini", true},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"a*a", "aba", true}, {"ab*ba", "aba", false},
		{"a*b*c", "abc", true}, {"a*b*c", "axbxbxc", true}, {"a*b*c", "acb", false}, {"a*b*c", "ac", false},
		{"**", "x", true}, {"a**b", "ab", true}, {"*a*", "bab", true}, {"*a*", "bbb", false}, {"*ab*ab", "ab", false}, {"*ab*ab", "abab", true},
		{"gpt-4.", "gpt-4x", false}, {"[a]", "a", false}, {"GPT-4", "gpt-4", false},
	} {
		if got := policy.Match(c.pattern, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

// Match is the regular expression in which each * is any text.
func FuzzMatch(f *testing.F) {
	f.Add("a*b*c", "axbxc")
	f.Add("**a", "aa")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 40 || len(name) > 40 {
			return
		}
		parts := strings.Split(pattern, "*")
		for i, p := range parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		re, err := regexp.Compile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
		if err != nil {
			return // not UTF-8
		}
		if got, want := policy.Match(pattern, name), re.MatchString(name); got != want && strings.ToValidUTF8(name, "") == name {
			t.Errorf("Match(%q, %q) = %v", pattern, name, got)
		}
	})
}

// deployment with an id, and models in access groups.
func deployment(id, model string, groups ...string) *policy.Deployment {
	d := policytest.Deployment(model, 1, 2)
	d.ID, d.AccessGroups = id, groups
	return d
}

func TestCatalogFind(t *testing.T) {
	c := policy.NewCatalog([]*policy.Deployment{
		deployment("1", "*"), deployment("2", "openai/*"), deployment("3", "gpt-4"), deployment("4", "openai/gpt-*"), deployment("5", "gpt-4"), deployment("6", "*-mini"),
	}, nil)
	for name, want := range map[string]string{
		"gpt-4":        "[3 5]", // both of its deployments, in order
		"openai/gpt-4": "[4]",   // the most literal wildcard
		"openai/o1":    "[2]", "gpt-4o-mini": "[6]", "openai/o1-mini": "[2]", "claude": "[1]", "": "[1]",
	} {
		m, ok := c.Find(name)
		if !ok {
			t.Errorf("Find(%q): nothing", name)
			continue
		}
		var ids []string
		for _, d := range m.Deployments {
			ids = append(ids, d.ID)
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("Find(%q) = %s, want %s", name, got, want)
		}
	}
	if got, want := c.Names(), []string{"*", "openai/*", "gpt-4", "openai/gpt-*", "*-mini"}; !slices.Equal(got, want) {
		t.Errorf("Names() = %q, want %q", got, want)
	}
	if m, ok := policy.NewCatalog(nil, nil).Find("gpt-4"); ok {
		t.Errorf("Find in an empty catalog: %+v", m)
	}
}

func TestCatalogMakesModels(t *testing.T) {
	cheap, dear, unpriced := deployment("1", "m", "g", "h"), deployment("2", "m", "h"), deployment("3", "n", "g")
	dear.Price, dear.MaxOutput = policytest.PerMillion(3, 1), 9000
	unpriced.Price = policy.Unpriced()
	c := policy.NewCatalog([]*policy.Deployment{cheap, dear, unpriced}, map[string]string{"fast": "m"})
	m, _ := c.Find("m")
	if !m.Worst.Known || m.Worst.Input != dear.Price.Input || m.Worst.Output != cheap.Price.Output || m.MaxOutput != 9000 || !slices.Equal(m.Groups, []string{"g", "h"}) {
		t.Errorf("%+v: want the dearest of both, the longest answer, each group once", m)
	}
	if n, _ := c.Find("n"); n.Worst.Known {
		t.Error("a model with a deployment nobody priced has a known price")
	}
	if got := c.Group("g"); !slices.Equal(got, []string{"m", "n"}) {
		t.Errorf("Group(g) = %q", got)
	}
	if got := c.Group("h"); !slices.Equal(got, []string{"m"}) {
		t.Errorf("Group(h) = %q", got)
	}
	if c.Group("i") != nil || c.Aliases()["fast"] != "m" {
		t.Errorf("Group(i) = %q, Aliases() = %v", c.Group("i"), c.Aliases())
	}
}

func TestCatalogAllows(t *testing.T) {
	c := policy.NewCatalog([]*policy.Deployment{deployment("1", "gpt-4", "beta"), deployment("2", "openai/*", "wide"), deployment("3", "claude")}, nil)
	for _, r := range []struct {
		list []string
		name string
		want bool
	}{
		{nil, "gpt-4", true}, {[]string{}, "unknown", true}, {[]string{"*"}, "gpt-4", true}, {[]string{policy.AllProxyModels}, "gpt-4", true}, {[]string{policy.AllTeamModels}, "gpt-4", true},
		{[]string{"claude", "gpt-4"}, "gpt-4", true}, {[]string{"claude"}, "gpt-4", false}, {[]string{"gpt-"}, "gpt-4", false}, {[]string{""}, "gpt-4", false},
		{[]string{"gpt-*"}, "gpt-4", true}, {[]string{"openai/*"}, "openai/o1", true}, {[]string{"openai/*"}, "gpt-4", false},
		{[]string{"beta"}, "gpt-4", true}, {[]string{"beta"}, "claude", false}, {[]string{"wide"}, "openai/o1", true}, {[]string{"wide"}, "gpt-4", false},
		{[]string{policy.NoDefaultModels}, "gpt-4", false}, {[]string{"gpt-4"}, "openai/gpt-4", false},
	} {
		if got := c.Allows(r.list, r.name); got != r.want {
			t.Errorf("Allows(%q, %q) = %v", r.list, r.name, got)
		}
	}
}

func TestTargetFor(t *testing.T) {
	for _, c := range []struct{ model, target, name, want string }{
		{"gpt-4", "gpt-4-0613", "gpt-4", "gpt-4-0613"},
		{"openai/*", "*", "openai/gpt-4", "gpt-4"}, {"openai/*", "ft:*:x", "openai/gpt-4", "ft:gpt-4:x"}, {"openai/*", "gpt-4", "openai/o1", "gpt-4"},
		{"*", "*", "o1", "o1"}, {"*-mini", "small/*", "gpt-mini", "small/gpt"}, {"us/*-fast", "*", "us/o1-fast", "o1"}, {"openai/*", "*", "openai/", ""},
	} {
		d := &policy.Deployment{Model: c.model, Target: c.target}
		if got := d.TargetFor(c.name); got != c.want {
			t.Errorf("%s → %s for %q: %q, want %q", c.model, c.target, c.name, got, c.want)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	d := policy.Deployment{ID: "x", Credential: "sk-very-secret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(format, d); strings.Contains(got, "very") {
			t.Errorf("%s prints the credential: %s", format, got)
		}
		if got := fmt.Sprintf(format, &d); strings.Contains(got, "very") {
			t.Errorf("%s of a pointer prints the credential: %s", format, got)
		}
	}
	out, err := json.Marshal(d)
	if err != nil || strings.Contains(string(out), "very") {
		t.Errorf("JSON prints the credential: %s, %v", out, err)
	}
	if d.Credential.Reveal() != "sk-very-secret" {
		t.Error("Reveal does not")
	}
}
