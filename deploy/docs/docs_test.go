// Package docs holds the pages for each deployment; its tests hold them to what there is.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whoever deploys Purser finds on each page what to apply, how to check it, how to go back, what breaks how, and how large.
func TestEachDeploymentHasItsSections(t *testing.T) {
	for _, name := range []string{"bare-envoy.md", "compose.md", "envoy-gateway.md", "istio.md", "kubernetes.md"} {
		var headings []string
		for line := range strings.Lines(page(t, name)) {
			if h, ok := strings.CutPrefix(line, "## "); ok {
				headings = append(headings, strings.ToLower(h))
			}
		}
		all := strings.Join(headings, "\n")
		for _, want := range []string{"what to apply", "how to check", "back", "what breaks how", "sizing"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s has no section on %q among\n%s", name, want, all)
			}
		}
	}
}

// Links lead somewhere, examples of YAML are YAML, alerts have the names they have, and flags are those of the program.
func TestPagesSayWhatIs(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil || len(pages) < 6 {
		t.Fatal(pages, err)
	}
	alerts := page(t, "../grafana/alerts.yaml")
	program := page(t, "../../cmd/purser/envoyconfig.go")
	for _, name := range pages {
		text := page(t, name)
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(link[1]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
			var any any
			if err := yaml.Unmarshal([]byte(undented(block[1])), &any); err != nil {
				t.Errorf("%s: %v in\n%s", name, err, block[1])
			}
		}
		for _, alert := range regexp.MustCompile("`(Purser[A-Z]\\w+)`").FindAllStringSubmatch(text, -1) {
			if !strings.Contains(alerts, "alert: "+alert[1]+"\n") {
				t.Errorf("%s: there is no alert %s", name, alert[1])
			}
		}
		joined := strings.ReplaceAll(text, "\\\n", " ")
		for _, call := range regexp.MustCompile(`purser envoy-config([^\n>|]*)`).FindAllStringSubmatch(joined, -1) {
			for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(call[1], -1) {
				if !strings.Contains(program, `("`+flag[1]+`"`) {
					t.Errorf("%s: envoy-config has no flag --%s", name, flag[1])
				}
			}
		}
	}
}

// Every variable of the services has its row, with its default; no row has a variable that they do not read.
func TestSettingsAreThoseTheServicesRead(t *testing.T) {
	type setting struct{ service, name, value string }
	read := map[setting]bool{}
	for _, service := range []string{"extproc", "adminsvc"} {
		for _, tag := range regexp.MustCompile("`env:\"([A-Z0-9_]+)[^\"]*\"(?: envDefault:\"([^\"]*)\")?`").FindAllStringSubmatch(page(t, "../../cmd/"+service+"/config.go"), -1) {
			read[setting{service, tag[1], tag[2]}] = true
		}
	}
	if len(read) < 40 {
		t.Fatalf("only %d settings were found", len(read))
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z0-9_]+)` \\| (\\w+) \\| (?:`([^`]*)`|–) \\| .").FindAllStringSubmatch(page(t, "settings.md"), -1) {
		services := []string{row[2]}
		if row[2] == "both" {
			services = []string{"extproc", "adminsvc"}
		}
		for _, service := range services {
			s := setting{service, row[1], row[3]}
			if !read[s] {
				t.Errorf("settings.md: %s does not read %s with default %q", service, s.name, s.value)
			}
			delete(read, s)
		}
	}
	for s := range read {
		t.Errorf("settings.md lacks %s of %s, default %q", s.name, s.service, s.value)
	}
}

// undented is a block that stands within a list.
func undented(block string) string {
	indent := block[:len(block)-len(strings.TrimLeft(block, " "))]
	return strings.ReplaceAll("\n"+block, "\n"+indent, "\n")
}
