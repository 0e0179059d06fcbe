package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
	"github.com/purser/purser/policy/seal"
)

// Models that the API has added have routes in what is printed, wherever it is applied.
func TestEnvoyConfigKnowsStoredModels(t *testing.T) {
	url := postgrestest.URL(t)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, Barrier: -1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	box, err := seal.New("salt-of-the-test")
	if err != nil {
		t.Fatal(err)
	}
	add := func(id, host, key string) {
		t.Helper()
		m := &policy.StoredModel{ID: id, Name: "added-" + id, Params: []byte(fmt.Sprintf(`{"model":"openai/gpt-4o","api_base":"https://%s/v1","api_key":%q}`, host, key)), Info: []byte(`{}`)}
		if err := store.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error { return tx.Create(t.Context(), m) }); err != nil {
			t.Fatal(err)
		}
	}
	add("m-1", "added.example.com", box.Seal("m-1", "pk-of-the-added"))
	add("m-2", "forged.example.com", box.Seal("m-1", "pk-of-another")) // opens for its own model only
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("general_settings: {master_key: sk-1234}\nmodel_list:\n- {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_base: 'https://file.example.com/v1', api_key: k}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SALT_KEY", "salt-of-the-test")
	mesh := []string{"--host", "llm.example.com", "--gateway", "public"}
	for _, tt := range []struct {
		name        string
		args        []string
		env         string // DATABASE_URL
		has, hasNot []string
	}{
		{"istio", append([]string{"--for", "istio", "--database-url", url}, mesh...), "", []string{"added.example.com", "file.example.com", "llm-m-1"}, []string{"pk-of-the-added"}},
		{"envoy-gateway", append([]string{"--for", "envoy-gateway", "--database-url", url}, mesh...), "", []string{"added.example.com", "file.example.com", "llm-m-1"}, []string{"pk-of-the-added"}},
		{"by the environment", append([]string{"--for", "istio"}, mesh...), url, []string{"added.example.com"}, nil},
		{"without", append([]string{"--for", "istio", "--database-url="}, mesh...), url, []string{"file.example.com"}, []string{"added.example.com"}},
		{"an Envoy of one's own", []string{"--database-url", url}, "", []string{"added.example.com", "file.example.com", "pk-of-the-added"}, []string{"forged.example.com", "pk-of-another"}},
		{"one that is brought its models", []string{"--database-url", "postgres://nobody@127.0.0.1:1/x", "--xds", "127.0.0.1:9011"}, "", []string{"purser-xds"}, []string{"added.example.com", "file.example.com"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("DATABASE_URL", tt.env)
			var out, errOut bytes.Buffer
			if code := dispatch(t.Context(), append([]string{"envoy-config", "--config", file}, tt.args...), &out, &errOut); code != 0 {
				t.Fatalf("status %d: %s", code, errOut.String())
			}
			for _, want := range tt.has {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q", want)
				}
			}
			for _, not := range tt.hasNot {
				if strings.Contains(out.String(), not) {
					t.Errorf("%q is there", not)
				}
			}
		})
	}
	var out, errOut bytes.Buffer
	if code := dispatch(t.Context(), []string{"envoy-config", "--config", file, "--database-url", "postgres://nobody:hunter2@127.0.0.1:1/x"}, &out, &errOut); code == 0 || !strings.Contains(errOut.String(), "--database-url=") || strings.Contains(errOut.String(), "hunter2") {
		t.Errorf("a database that is away: status %d, %s", code, errOut.String())
	}
}
