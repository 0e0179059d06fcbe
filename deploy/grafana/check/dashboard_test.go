package check

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

var update = flag.Bool("update", false, "write metrics.txt anew")

// asked is what expressions ask for: the labels by the name of the metric.
type asked map[string]map[string]bool

// read adds what an expression asks for.
func (a asked) read(t *testing.T, where, text string) {
	t.Helper()
	expr, err := parser.ParseExpr(text)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		if selector.Name == "" {
			t.Errorf("%s: a selector without a metric", where)
		}
		if a[selector.Name] == nil {
			a[selector.Name] = map[string]bool{}
		}
		for _, m := range selector.LabelMatchers {
			switch {
			case m.Name == labels.MetricName:
			case m.Type == labels.MatchEqual && m.Name == "le":
				a[selector.Name][m.Name+"="+m.Value] = true // a bucket that must be there
			default:
				a[selector.Name][m.Name] = true
			}
		}
		for _, above := range path {
			if by, ok := above.(*parser.AggregateExpr); ok && !by.Without {
				for _, name := range by.Grouping {
					a[selector.Name][name] = true
				}
			}
		}
		return nil
	})
}

type board struct {
	Panels []struct {
		ID      int
		Title   string
		Targets []struct{ Expr, RefID string }
	}
}

// What the rules and the panels ask for stands in metrics.txt, which the end-to-end tests
// compare with what running services tell.
func TestEveryExpressionParses(t *testing.T) {
	all := asked{}
	groups, errs := rulefmt.ParseFile(ruleFile, false, model.UTF8Validation)
	if errs != nil {
		t.Fatal(errs)
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			all.read(t, r.Alert, r.Expr)
		}
	}
	text, err := os.ReadFile("../purser.json")
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range b.Panels {
		refs := map[string]bool{}
		if ids[p.ID] || len(p.Targets) == 0 {
			t.Errorf("%s: its id is taken, or it asks nothing", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			if refs[target.RefID] {
				t.Errorf("%s: two targets are %s", p.Title, target.RefID)
			}
			refs[target.RefID] = true
			all.read(t, p.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
		}
	}
	var out strings.Builder
	out.WriteString("# What alerts.yaml and purser.json ask for, by `go test ./... -update` in deploy/grafana/check: metric, labels\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out.WriteString(name)
		for _, label := range slices.Sorted(maps.Keys(all[name])) {
			out.WriteString(" " + label)
		}
		out.WriteString("\n")
	}
	const file = "../metrics.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != out.String() {
		t.Errorf("%s is not what the rules and the dashboard ask for: go test ./... -update in deploy/grafana/check", file)
	}
}
