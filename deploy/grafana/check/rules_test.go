package check

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

const (
	ruleFile = "../alerts.yaml"
	testFile = "../alerts_test.yaml"
)

// suite is a file of `promtool test rules`, as far as it is used.
type suite struct {
	RuleFiles  []string `yaml:"rule_files"`
	Evaluation duration `yaml:"evaluation_interval"`
	Tests      []struct {
		Name     string   `yaml:"name"`
		Interval duration `yaml:"interval"`
		Series   []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		Alerts []struct {
			At       duration `yaml:"eval_time"`
			Name     string   `yaml:"alertname"`
			Expected []struct {
				Labels      map[string]string `yaml:"exp_labels"`
				Annotations map[string]string `yaml:"exp_annotations"`
			} `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

type duration time.Duration

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := model.ParseDuration(n.Value)
	*d = duration(v)
	return err
}

func TestRulesAreRules(t *testing.T) {
	groups, errs := rulefmt.ParseFile(ruleFile, false, model.UTF8Validation)
	for _, err := range errs {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
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

// Each alert fires on its condition and is quiet without it: alerts_test.yaml says when.
func TestAlertsFire(t *testing.T) {
	text, err := os.ReadFile(testFile)
	if err != nil {
		t.Fatal(err)
	}
	var all suite
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	fired, quiet := map[string]bool{}, map[string]bool{}
	for _, tt := range all.Tests {
		t.Run(tt.Name, func(t *testing.T) {
			var load strings.Builder
			fmt.Fprintf(&load, "load %s\n", time.Duration(tt.Interval))
			for _, s := range tt.Series {
				fmt.Fprintf(&load, "  %s %s\n", s.Series, s.Values)
			}
			loader, err := promqltest.NewLazyLoader(load.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
			if err != nil {
				t.Fatal(err)
			}
			defer loader.Close()
			manager := rules.NewManager(&rules.ManagerOptions{
				QueryFunc: rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage()), Appendable: loader.Storage(), Context: t.Context(),
				NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: slog.New(slog.DiscardHandler),
			})
			groups, errs := manager.LoadGroups(time.Duration(all.Evaluation), labels.EmptyLabels(), "", nil, false, ruleFile)
			if errs != nil {
				t.Fatal(errs)
			}
			var last time.Duration
			for _, a := range tt.Alerts {
				last = max(last, time.Duration(a.At))
			}
			for at := time.Duration(0); at <= last; at += time.Duration(all.Evaluation) {
				now := time.Unix(0, 0).UTC().Add(at)
				loader.WithSamplesTill(now, func(err error) {
					if err != nil {
						t.Fatal(err)
					}
					for _, g := range groups {
						g.Eval(loader.Context(), now)
					}
				})
				for _, a := range tt.Alerts {
					if time.Duration(a.At) != at {
						continue
					}
					want := []string{}
					for _, e := range a.Expected {
						e.Labels["alertname"] = a.Name
						want = append(want, labels.FromMap(e.Labels).String()+" "+labels.FromMap(e.Annotations).String())
					}
					got, found := firing(t, groups, a.Name)
					if !found {
						t.Fatalf("no alert is called %s", a.Name)
					}
					slices.Sort(want)
					if !slices.Equal(got, want) {
						t.Errorf("%s after %s:\n got %v\nwant %v", a.Name, at, got, want)
					}
					if len(want) > 0 {
						fired[a.Name] = true
					} else {
						quiet[a.Name] = true
					}
				}
			}
		})
	}
	groups, _ := rulefmt.ParseFile(ruleFile, false, model.UTF8Validation)
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if !fired[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s: no test sees it fire, or none sees it quiet", r.Alert)
			}
		}
	}
}

// firing are an alert's instances that fire: labels and annotations.
func firing(t *testing.T, groups map[string]*rules.Group, name string) (out []string, found bool) {
	t.Helper()
	out = []string{}
	for _, g := range groups {
		for _, r := range g.Rules() {
			alert, ok := r.(*rules.AlertingRule)
			if !ok || alert.Name() != name {
				continue
			}
			found = true
			if err := r.LastError(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, a := range alert.ActiveAlerts() {
				if a.State == rules.StateFiring {
					out = append(out, a.Labels.String()+" "+a.Annotations.String())
				}
			}
		}
	}
	slices.Sort(out)
	return out, found
}
