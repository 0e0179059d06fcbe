package adminsvc

import (
	_ "embed"
	"regexp"
	"strings"
	"testing"
)

// documented are the paths of the fact sheet's tables and of its appendix C.
//
//go:embed testdata/documented.txt
var documented string

// Whatever is documented is served, or says why not: nobody hears Not Found and wonders
// whether it is the wrong address.
func TestEveryDocumentedPathIsServed(t *testing.T) {
	t.Parallel()
	s := newServer(Config{})
	hole := regexp.MustCompile(`\{[^}]*\}`)
	served := map[string]string{}
	for path, methods := range s.paths {
		for method := range methods {
			served[method+" "+hole.ReplaceAllString(path, "{}")] = path
		}
	}
	for _, r := range unsupportedRoutes {
		if len(r.why) < 10 {
			t.Errorf("%s %s: why?", r.method, r.path)
		}
	}
	n := 0
	for _, line := range strings.Split(strings.TrimSpace(documented), "\n") {
		n++
		route := hole.ReplaceAllString(line, "{}")
		if served[route] == "" {
			t.Errorf("%s is documented, and not there", line)
		}
	}
	if n < 200 {
		t.Errorf("only %d paths in the list", n)
	}
}
