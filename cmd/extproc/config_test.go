package main

import (
	"strings"
	"testing"

	"github.com/purser/purser/cmd/boot"
)

func TestASettingThatMeansNothingStopsTheStart(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string // the variable that is named; "": none
	}{
		{"by default", nil, ""},
		{"a charge that there is none of", map[string]string{"ABANDONED": "fre"}, "ABANDONED"},
		{"a status that is no error's", map[string]string{"BUDGET_EXCEEDED_STATUS": "200"}, "BUDGET_EXCEEDED_STATUS"},
		{"no body at all", map[string]string{"BODY_LIMIT": "0"}, "BODY_LIMIT"},
		{"no time for the ledger", map[string]string{"LEDGER_DEADLINE": "-5s"}, "LEDGER_DEADLINE"},
		{"a drain that ended before it began", map[string]string{"DRAIN_TIMEOUT": "-1s"}, "DRAIN_TIMEOUT"},
		{"a delay before now", map[string]string{"DRAIN_DELAY": "-1s"}, "DRAIN_DELAY"},
		{"prices read before now", map[string]string{"PRICE_MAP_EVERY": "-2s"}, "PRICE_MAP_EVERY"},
		{"a host alone for Envoy", map[string]string{"LISTEN_ADDR": "localhost"}, "LISTEN_ADDR"},
		{"a host alone for health", map[string]string{"HTTP_ADDR": "localhost"}, "HTTP_ADDR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("DATABASE_URL", "postgres://there")
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			cfg, err := boot.Env[config]()
			if err != nil {
				t.Fatal(err)
			}
			if err = cfg.check(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want+"=")) {
				t.Errorf("%v, want it to name %q", err, c.want)
			}
		})
	}
}
