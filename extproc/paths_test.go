package extproc_test

import (
	"strings"
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/extproc/dialect"
)

// A path that a format declares and Envoy is not told of ends at the management plane: whoever adds one is told here.
func TestEnvoySendsUsEveryPathOfEveryFormat(t *testing.T) {
	for _, e := range dialect.Endpoints() {
		_, refusal := e.Refuse(dialect.Refusal{Status: 503, Message: "m"})
		for _, path := range e.Paths {
			path = strings.NewReplacer("{model}", "org/m-1.5", "{id}", "id_1").Replace(path)
			api, ok := envoy.APIOf(path)
			if !ok {
				t.Errorf("%s: %s is not in envoy.LLMPaths", e.Name, path)
				continue
			}
			// Its envelope is the one of what Envoy answers there itself.
			shape := envoy.OpenAI
			switch {
			case strings.HasPrefix(string(refusal), `{"type":"error"`):
				shape = envoy.Anthropic
			case strings.Contains(string(refusal), `"status":`):
				shape = envoy.Gemini
			}
			if api != shape {
				t.Errorf("%s: %s is %s's for Envoy, and refused in the shape of %s", e.Name, path, api, shape)
			}
		}
	}
}
