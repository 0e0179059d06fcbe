// Package grafana holds the dashboard and the alerting rules for what Purser tells
// Prometheus, held here to the metrics there are.
package grafana

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// metrics are the names that the code registers.
func metrics(t *testing.T) map[string]bool {
	t.Helper()
	quoted := regexp.MustCompile(`"((?:purser|gen_ai)_[a-z0-9_]+)"`)
	found := map[string]bool{}
	for _, root := range []string{"../../extproc", "../../cmd/extproc", "../../cmd/adminsvc"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range quoted.FindAllSubmatch(text, -1) {
				found[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

var (
	texts  = regexp.MustCompile(`"[^"]*"`)
	named  = regexp.MustCompile(`\b(?:purser|gen_ai)_[a-z0-9_]+`)
	labels = regexp.MustCompile(`\b(?:by|without) ?\([^)]*\)`)
)

// check finds metrics nobody registers, and brackets that do not match.
func check(t *testing.T, where, expr string, known map[string]bool) {
	t.Helper()
	bare := texts.ReplaceAllString(expr, "")
	for _, pair := range []string{"()", "[]", "{}"} {
		if strings.Count(bare, pair[:1]) != strings.Count(bare, pair[1:]) {
			t.Errorf("%s: %s do not match in %s", where, pair, expr)
		}
	}
	names := named.FindAllString(labels.ReplaceAllString(bare, ""), -1)
	if len(names) == 0 {
		t.Errorf("%s: no metric of ours in %s", where, expr)
	}
	for _, name := range names {
		base := name
		for _, ending := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, ending)
		}
		if !known[name] && !known[base] {
			t.Errorf("%s: nothing registers %s", where, name)
		}
	}
}

func TestAlertingRulesAskForMetricsThereAre(t *testing.T) {
	text, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	known, seen := metrics(t), map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			check(t, r.Alert, r.Expr, known)
			if seen[r.Alert] || r.Alert == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("%q: twice, or without severity or summary", r.Alert)
			}
			seen[r.Alert] = true
		}
	}
	if len(seen) == 0 {
		t.Error("no rules")
	}
}

func TestTheDashboardAsksForMetricsThereAre(t *testing.T) {
	text, err := os.ReadFile("purser.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	known, ids := metrics(t), map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || len(p.Targets) == 0 {
			t.Errorf("%s: its id is taken, or it asks nothing", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			check(t, p.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"), known)
		}
	}
	if len(ids) == 0 {
		t.Error("no panels")
	}
}
