package ui

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var script = strings.Repeat("console.log('purser');", 100)

func built() *handler {
	return newHandler(fstest.MapFS{
		"dist/.keep":                 {Data: nil},
		"dist/index.html":            {Data: []byte(`<meta name="csp-nonce" content="__CSP_NONCE__"><script type="module" src="/ui/assets/index-1a2b.js"></script>`)},
		"dist/icon.svg":              {Data: []byte(`<svg/>`)},
		"dist/assets/index-1a2b.js":  {Data: []byte(script)},
		"dist/assets/index-1a2b.css": {Data: []byte(`body{}`)},
	})
}

func get(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServing(t *testing.T) {
	for _, c := range []struct {
		does, method, path string
		status             int
		kind, cache        string
	}{
		{"the page", "GET", "/ui/", 200, "text/html; charset=utf-8", "no-store"},
		{"a deep link is the page", "GET", "/ui/projects/4f1c?tab=keys", 200, "text/html; charset=utf-8", "no-store"},
		{"a deep link whose name has a dot is the page", "GET", "/ui/models/gpt-3.5-turbo", 200, "text/html; charset=utf-8", "no-store"},
		{"the bare folder leads to the page", "GET", "/ui?login=success", 307, "text/html; charset=utf-8", ""},
		{"hashed files are for good", "GET", "/ui/assets/index-1a2b.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"other files for an hour", "GET", "/ui/icon.svg", 200, "image/svg+xml", "public, max-age=3600"},
		{"a script of an older build is missing, not the page", "GET", "/ui/assets/index-0000.js", 404, "text/plain; charset=utf-8", ""},
		{"HEAD", "HEAD", "/ui/", 200, "text/html; charset=utf-8", "no-store"},
		{"nothing is written here", "POST", "/ui/", 405, "text/plain; charset=utf-8", ""},
	} {
		r := get(built(), c.method, c.path)
		if r.StatusCode != c.status || r.Header.Get("Content-Type") != c.kind || r.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: %d %q %q", c.does, r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"))
		}
	}
	if to := get(built(), "GET", "/ui?login=success").Header.Get("Location"); to != "/ui/?login=success" {
		t.Errorf("/ui leads to %q", to)
	}
}

func TestPageCarriesAFreshNonceAndAllowsNothingElse(t *testing.T) {
	h := built()
	seen := map[string]bool{}
	for range 2 {
		r := get(h, "GET", "/ui/")
		policy := r.Header.Get("Content-Security-Policy")
		m := regexp.MustCompile(`'nonce-([^']+)'`).FindStringSubmatch(policy)
		if m == nil || !strings.Contains(body(t, r), `content="`+m[1]+`"`) {
			t.Fatalf("policy %q and page do not agree", policy)
		}
		for _, no := range []string{"unsafe", "http:", "https:", "*"} {
			if strings.Contains(policy, no) {
				t.Errorf("the policy allows %q: %s", no, policy)
			}
		}
		seen[m[1]] = true
	}
	if len(seen) != 2 {
		t.Error("two pages had the same nonce")
	}
}

func TestCompression(t *testing.T) {
	for accept, zipped := range map[string]bool{"gzip, br": true, "br;q=1, gzip;q=0.5": true, "GZIP": true, "gzip;q=0": false, "br": false, "": false} {
		r := get(built(), "GET", "/ui/assets/index-1a2b.js", "Accept-Encoding", accept)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("Accept-Encoding %q: gzip %v", accept, got)
			continue
		}
		if r.Header.Get("Vary") != "Accept-Encoding" {
			t.Error("a cache is not told that the encoding varies")
		}
		var from io.Reader = r.Body
		if zipped {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			from = z
		}
		if b, err := io.ReadAll(from); err != nil || string(b) != script {
			t.Errorf("Accept-Encoding %q: wrong bytes, %v", accept, err)
		}
	}
	if r := get(built(), "GET", "/ui/assets/index-1a2b.css", "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" {
		t.Error("a file that grows by compression was compressed")
	}
}

func TestWithoutABuildThePageSaysSo(t *testing.T) {
	h := newHandler(fstest.MapFS{"dist/.keep": {}})
	r := get(h, "GET", "/ui/projects")
	if r.StatusCode != 200 || !strings.Contains(body(t, r), "make ui") {
		t.Error("it does not say how to build the UI")
	}
	if get(h, "GET", "/ui/.keep").Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Error("the placeholder is served")
	}
}
