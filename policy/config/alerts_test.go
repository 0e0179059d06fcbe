package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/config"
)

func TestThresholdsOfAlerts(t *testing.T) {
	for _, tt := range []struct {
		name, yaml string
		want       string // of a team, a key and a project; or a part of the error
	}{
		{"none given", "", "[80 100] [80 100] [80 100]"},
		{"one list", "thresholds: [50, 90]", "[50 90] [50 90] [50 90]"},
		{"by level", "thresholds: {team: [50], key: []}", "[50] [] [80 100]"},
		{"by level, with a default", "thresholds: {default: [70], team: [50, 95]}", "[50 95] [70] [70]"},
		{"more than all", "thresholds: {team: [101]}", "1 to 100"},
		{"no level", "thresholds: {teams: [50]}", "no level has budgets"},
		{"what has no budget", "thresholds: {deployment: [50]}", "no level has budgets"},
		{"no list", "thresholds: {team: 50}", "alerts.thresholds.team"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "alerts:\n  webhooks: [{name: ops, url: 'https://ops.example.com'}]\n"
			if tt.yaml != "" {
				text += "  " + tt.yaml + "\n"
			}
			c, err := config.Parse([]byte(text), config.Options{Env: func(string) (string, bool) { return "", false }})
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want it to say %q", err, tt.want)
				}
				return
			}
			if got := fmt.Sprint(c.Alerts.Of(policy.ScopeTeam), c.Alerts.Of(policy.ScopeKey), c.Alerts.Of(policy.ScopeProject)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
