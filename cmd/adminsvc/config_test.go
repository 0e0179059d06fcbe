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
		{"a shape that there is none of", map[string]string{"TEAM_LIST_FORMAT": "list"}, "TEAM_LIST_FORMAT"},
		{"fewer hops than none", map[string]string{"TRUSTED_HOPS": "-1"}, "TRUSTED_HOPS"},
		{"a session that is over", map[string]string{"SESSION_DURATION": "0s"}, "SESSION_DURATION"},
		{"a drain that ended before it began", map[string]string{"DRAIN_TIMEOUT": "-1s"}, "DRAIN_TIMEOUT"},
		{"a delay before now", map[string]string{"DRAIN_DELAY": "-1s"}, "DRAIN_DELAY"},
		{"prices read before now", map[string]string{"PRICE_MAP_EVERY": "-2s"}, "PRICE_MAP_EVERY"},
		{"a host alone for Envoy", map[string]string{"LISTEN_ADDR": "localhost"}, "LISTEN_ADDR"},
		{"a host alone for metrics", map[string]string{"METRICS_ADDR": "localhost"}, "METRICS_ADDR"},
		{"a host alone for xDS", map[string]string{"XDS_ADDR": "localhost"}, "XDS_ADDR"},
		{"an extproc without a scheme", map[string]string{"EXTPROC_URL": "extproc:9003"}, "EXTPROC_URL"},
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
