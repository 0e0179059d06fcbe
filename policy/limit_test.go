package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestLimitsValidate(t *testing.T) {
	soon := time.Date(2026, time.April, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		limits policy.Limits
		field  string // at fault; "": none
	}{
		{"no limits", policy.Limits{}, ""},
		{"zero everywhere", policy.Limits{MaxBudget: new(policy.Money(0)), SoftBudget: new(policy.Money(0)), RPM: new(int64(0)), TPM: new(int64(0)), TPD: new(int64(0)), ITPM: new(int64(0)), OTPM: new(int64(0)), MaxParallel: new(int64(0)), ModelRPM: map[string]int64{"m": 0}}, ""},
		{"everything", policy.Limits{MaxBudget: new(policy.Dollar), BudgetDuration: "30d", BudgetLimits: []policy.BudgetLimit{{"1d", 1}, {"1w", 2}}, ModelMaxBudget: map[string]policy.ModelLimits{"m": {MaxBudget: new(policy.Dollar), Duration: "1d", TPM: new(int64(1)), RPM: new(int64(2))}}, TempBudgetIncrease: new(policy.Dollar), TempBudgetExpiry: &soon}, ""},
		{"an increase that has an end but no amount", policy.Limits{TempBudgetExpiry: &soon}, ""},
		{"budget below zero", policy.Limits{MaxBudget: new(policy.Money(-1))}, "max_budget"},
		{"soft budget below zero", policy.Limits{SoftBudget: new(policy.Money(-1))}, "soft_budget"},
		{"rpm below zero", policy.Limits{RPM: new(int64(-1))}, "rpm_limit"},
		{"tpm below zero", policy.Limits{TPM: new(int64(-1))}, "tpm_limit"},
		{"tpd below zero", policy.Limits{TPD: new(int64(-1))}, "tpd_limit"},
		{"itpm below zero", policy.Limits{ITPM: new(int64(-1))}, "itpm_limit"},
		{"otpm below zero", policy.Limits{OTPM: new(int64(-1))}, "otpm_limit"},
		{"parallel below zero", policy.Limits{MaxParallel: new(int64(-1))}, "max_parallel_requests"},
		{"a duration nobody can read", policy.Limits{BudgetDuration: "fortnight"}, "budget_duration"},
		{"a duration of nothing", policy.Limits{BudgetDuration: "0d"}, "budget_duration"},
		{"a window without a duration", policy.Limits{BudgetLimits: []policy.BudgetLimit{{"1d", 1}, {"", 1}}}, "budget_limits[1].budget_duration"},
		{"a window below zero", policy.Limits{BudgetLimits: []policy.BudgetLimit{{"1d", -1}}}, "budget_limits[0].max_budget"},
		{"a model's budget below zero", policy.Limits{ModelMaxBudget: map[string]policy.ModelLimits{"m": {MaxBudget: new(policy.Money(-1))}}}, "model_max_budget.m.max_budget"},
		{"a model's duration", policy.Limits{ModelMaxBudget: map[string]policy.ModelLimits{"m": {Duration: "1"}}}, "model_max_budget.m.budget_duration"},
		{"a model's tpm", policy.Limits{ModelMaxBudget: map[string]policy.ModelLimits{"m": {TPM: new(int64(-1))}}}, "model_max_budget.m.tpm_limit"},
		{"a model's rpm", policy.Limits{ModelMaxBudget: map[string]policy.ModelLimits{"m": {RPM: new(int64(-1))}}}, "model_max_budget.m.rpm_limit"},
		{"a model without a name", policy.Limits{ModelMaxBudget: map[string]policy.ModelLimits{"": {}}}, "model_max_budget"},
		{"a model's rpm in the other field", policy.Limits{ModelRPM: map[string]int64{"m": -1}}, "model_rpm_limit.m"},
		{"a model's tpm in the other field", policy.Limits{ModelTPM: map[string]int64{"m": -1}}, "model_tpm_limit.m"},
		{"a model's itpm", policy.Limits{ModelITPM: map[string]int64{"m": -1}}, "model_itpm_limit.m"},
		{"a model's otpm", policy.Limits{ModelOTPM: map[string]int64{"m": -1}}, "model_otpm_limit.m"},
		{"a rate for a model without a name", policy.Limits{ModelOTPM: map[string]int64{"": 1}}, "model_otpm_limit"},
		{"an increase below zero", policy.Limits{TempBudgetIncrease: new(policy.Money(-1)), TempBudgetExpiry: &soon}, "temp_budget_increase"},
		{"an increase without an end", policy.Limits{TempBudgetIncrease: new(policy.Dollar)}, "temp_budget_expiry"},
	} {
		err := c.limits.Validate()
		var at *policy.Invalid
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.field != "" && (!errors.As(err, &at) || at.Field != c.field || at.Message == ""):
			t.Errorf("%s: %#v, want an Invalid of %s", c.name, err, c.field)
		}
	}
}

// line is a limit on one line: "tokens/minute gpt-4=100".
func line(l policy.Limit) string {
	s := fmt.Sprintf("%s/%s", l.Kind, l.Window.Name())
	if l.Model != "" {
		s += " " + l.Model
	}
	s += fmt.Sprintf("=%d", l.Amount)
	if l.Raise != 0 {
		s += fmt.Sprintf("+%d until %s", l.Raise, l.RaiseUntil.Format(time.DateOnly))
	}
	return s
}

func TestLimitsCompile(t *testing.T) {
	for _, c := range []struct {
		name, fields string // as the API reads them
		want         []string
	}{
		{"nothing", `{}`, nil},
		{"null is no limit", `{"max_budget":null,"rpm_limit":null,"model_rpm_limit":null}`, nil},
		{"zero is one", `{"max_budget":0,"rpm_limit":0,"max_parallel_requests":0}`, []string{"requests/minute=0", "parallel_requests/live=0", "spend/life=0"}},
		{"a budget without a duration never resets", `{"max_budget":1.5}`, []string{"spend/life=1500000000"}},
		{"a budget of thirty days is the month's", `{"max_budget":1,"budget_duration":"30d"}`, []string{"spend/1mo=1000000000"}},
		{"a duration without a budget limits nothing", `{"budget_duration":"30d"}`, nil},
		{"a soft budget refuses nothing", `{"soft_budget":1}`, nil},
		{"the rates", `{"rpm_limit":1,"tpm_limit":2,"tpd_limit":3,"itpm_limit":4,"otpm_limit":5,"max_parallel_requests":6}`,
			[]string{"requests/minute=1", "tokens/minute=2", "tokens/1d=3", "input_tokens/minute=4", "output_tokens/minute=5", "parallel_requests/live=6"}},
		{"windows stack", `{"max_budget":9,"budget_limits":[{"budget_duration":"1d","max_budget":1},{"budget_duration":"7d","max_budget":5}]}`,
			[]string{"spend/life=9000000000", "spend/1d=1000000000", "spend/1w=5000000000"}},
		{"models in order of their names", `{"model_rpm_limit":{"b":2,"a":1},"model_tpm_limit":{"a":3},"model_itpm_limit":{"a":4},"model_otpm_limit":{"openai/*":5}}`,
			[]string{"requests/minute a=1", "requests/minute b=2", "tokens/minute a=3", "input_tokens/minute a=4", "output_tokens/minute openai/*=5"}},
		{"a model's budget", `{"model_max_budget":{"b":{"max_budget":2},"a":{"max_budget":1,"budget_duration":"1d","rpm_limit":7,"tpm_limit":8}}}`,
			[]string{"requests/minute a=7", "tokens/minute a=8", "spend/1d a=1000000000", "spend/life b=2000000000"}},
		{"an increase", `{"max_budget":1,"temp_budget_increase":0.5,"temp_budget_expiry":"2026-04-01T00:00:00Z"}`, []string{"spend/life=1000000000+500000000 until 2026-04-01"}},
		{"an increase of no budget", `{"temp_budget_increase":0.5,"temp_budget_expiry":"2026-04-01T00:00:00Z"}`, nil},
	} {
		var l policy.Limits
		if err := json.Unmarshal([]byte(c.fields), &l); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := l.Validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var got []string
		for _, limit := range l.Compile(time.Time{}) {
			got = append(got, line(limit))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestAmountAt(t *testing.T) {
	until := time.Date(2026, time.April, 1, 0, 0, 0, 0, time.UTC)
	l := policy.Limit{Amount: 10, Raise: 5, RaiseUntil: until}
	for _, c := range []struct {
		at   time.Time
		want int64
	}{{until.Add(-time.Nanosecond), 15}, {until, 10}, {until.AddDate(1, 0, 0), 10}} {
		if got := l.AmountAt(c.at); got != c.want {
			t.Errorf("at %v: %d, want %d", c.at, got, c.want)
		}
	}
	l.Amount = math.MaxInt64 - 3
	if got := l.AmountAt(until.Add(-time.Hour)); got != math.MaxInt64 {
		t.Errorf("a raise beyond all amounts: %d", got)
	}
}

func TestLimitFor(t *testing.T) {
	for _, c := range []struct {
		model string
		names []string
		want  bool
	}{
		{"", nil, true}, {"", []string{"gpt-4"}, true},
		{"gpt-4", nil, false}, {"gpt-4", []string{"gpt-4o"}, false}, {"gpt-4", []string{"fast", "gpt-4"}, true},
		{"openai/*", []string{"openai/gpt-4"}, true}, {"openai/*", []string{"azure/gpt-4"}, false}, {"*", []string{"x"}, true}, {"*", nil, false},
	} {
		if got := (policy.Limit{Model: c.model}).For(c.names); got != c.want {
			t.Errorf("a limit of %q for %q: %v", c.model, strings.Join(c.names, ","), got)
		}
	}
}

func TestBudgetWindow(t *testing.T) {
	for duration, want := range map[string]string{"": "life", "30d": "1mo", "1d": "1d"} {
		l := policy.Limits{BudgetDuration: duration}
		if got := l.BudgetWindow(time.Time{}).Name(); got != want {
			t.Errorf("a budget of %q is reported for %q, want %q", duration, got, want)
		}
	}
}
