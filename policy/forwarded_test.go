package policy

import (
	"slices"
	"strings"
	"testing"
)

func FuzzForwardedURIs(f *testing.F) {
	for _, s := range []string{"", `By=a;Hash=b;Subject="/C=\"US\",O=x;y";URI=spiffe://a/b`, `URI=a,URI=b`, `URI="a,b";DNS=c`, `=`, `a="`, `a="b"c`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := ForwardedURIs(s)
		// What Envoy appends is always read as the last element, or nothing is.
		const own = "spiffe://own/id"
		if with := ForwardedURIs(s + ",Hash=ab;URI=" + own); len(with) > 0 && with[len(with)-1] != own {
			t.Errorf("%q: the last is %q", s, with[len(with)-1])
		}
		if slices.ContainsFunc(got, func(u string) bool { return strings.Contains(u, own) }) && !strings.Contains(s, "own") {
			t.Errorf("%q: %q", s, got)
		}
	})
}
