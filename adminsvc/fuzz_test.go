package adminsvc

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// bad are values that some field cannot take: of every type, and past every end. The
// first four are tried always, all of them with BADINPUT=all.
var bad = []string{`[null,{}]`, `-1`, `"\u0000"`, `{"":[-1]}`, `1e400`, `null`, `true`, `0.5`, `"NaN"`, `""`, `"` + strings.Repeat("x", 5000) + `"`, `[]`, `{}`}

// Every endpoint that takes a body × every field it declares × every bad value, beside an
// otherwise good body: an answer that is described, no 5xx, and where it is refused nothing changed.
// What is declared is read off the routes, so that a new field is tried as well.
func TestNoFieldOfAnyEndpointBreaks(t *testing.T) {
	t.Parallel()
	values := bad
	if os.Getenv("BADINPUT") != "all" {
		values = bad[:4]
	}
	w := routesWorld(t)
	n := 100_000
	for _, c := range everyRoute {
		method, path, _ := strings.Cut(c.route, " ")
		if method == "GET" || strings.Contains(c.route, "{g") {
			continue
		}
		_, pattern := w.server.mux.Handler(httptest.NewRequest(method, w.put(path, 0), nil))
		item := w.server.openapi.Paths[strings.ReplaceAll(pattern, "...}", "}")]
		op := map[string]*huma.Operation{"POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete}[method]
		if op.RequestBody == nil {
			continue
		}
		ref := op.RequestBody.Content["application/json"].Schema.Ref
		schema := w.server.openapi.Components.Schemas.Map()[ref[strings.LastIndex(ref, "/")+1:]]
		t.Run(c.route, func(t *testing.T) {
			for _, field := range slices.Sorted(maps.Keys(schema.Properties)) {
				for i, value := range values {
					n++
					// Twice the same name would be refused for that.
					body := strings.TrimSuffix(w.put(strings.Replace(c.body, fmt.Sprintf("%q:", field), `"instead":`, 1), n), "}")
					if len(body) < 2 {
						body = "{"
					} else {
						body += ","
					}
					before := w.revision()
					got := w.call(master, method, w.put(path, n), body+fmt.Sprintf("%q:%s}", field, value))
					switch {
					case got.status >= 500 && got.status != 501:
						t.Errorf("%s: %.60s: %d %s", field, value, got.status, got.raw)
					case got.status >= 400 && got.at("error.message") == nil && got.at("detail") == nil:
						t.Errorf("%s: %.60s: %d %s", field, value, got.status, got.raw)
					case got.status >= 400 && w.revision() != before:
						t.Errorf("%s: bad value %d was refused, and something changed: %s", field, i, got.raw)
					}
				}
			}
		})
	}
	if text := w.log.String(); strings.Contains(text, "panicked") || strings.Contains(text, "request failed") {
		t.Errorf("the log tells of failures: %.2000s", text[strings.Index(text, "level=ERROR"):])
	}
}
