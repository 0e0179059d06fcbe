package envoy_test

import (
	"encoding/json"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/purser/purser/envoy"
)

// Whatever a name or a key is made of, Envoy must read in the YAML what was meant, or the configuration is refused before.
func FuzzYAMLMeansWhatTheConfigSays(f *testing.F) {
	for _, s := range []string{"a", "null", "~", "yes", "0x1F", "1e3", "12:30:45", "2026-01-01", "- a", "a: b", "#x", "'", `"`, "%REQ(x)%", "!!str", "&a", "*a", "é\u2028"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, key string) {
		cfg := small()
		cfg.Deployments[0].Name, cfg.Deployments[0].Credential = name, key
		want, err := envoy.Bootstrap(cfg)
		if err != nil {
			return
		}
		text, err := envoy.YAML(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := yaml.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		got := new(bootstrapv3.Bootstrap)
		if err := protojson.Unmarshal(asJSON, got); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, want) {
			t.Errorf("name %q, key %q: the YAML means something else", name, key)
		}
	})
}
