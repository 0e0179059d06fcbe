package extproc_test

import (
	"bufio"
	"context"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/purser/purser/policy"
)

// metric is a metric's value with these label values, whatever the labels are called;
// of a histogram how many it observed. 0 where there is none.
func (p *plane) metric(name string, labels ...string) float64 {
	p.t.Helper()
	families, err := p.metrics.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	var sum float64
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			if matches(m, labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func matches(m *dto.Metric, labels []string) bool {
	for _, want := range labels {
		found := false
		for _, l := range m.Label {
			found = found || l.GetValue() == want
		}
		if !found {
			return false
		}
	}
	return true
}

// What operators watch is there, and says what happened.
func TestMetrics(t *testing.T) {
	p := start(t, policy.Settings{}, nil,
		key("sk-free", nil),
		key("sk-one", func(k *policy.Key) { k.Limits.RPM = ptr(int64(1)) }),
		key("sk-poor", func(k *policy.Key) { k.Limits.MaxBudget = ptr(policy.Money(1)) }),
		key("sk-edge", func(k *policy.Key) { k.Limits.MaxBudget = ptr(8 * worth(15, 1000)) }),
		key("sk-gpt35", func(k *policy.Key) { k.Models = []string{"gpt-3.5-turbo"} }))
	for _, c := range []call{
		{key: "sk-free", body: chat("gpt-4", 5)},
		{key: "sk-free", body: prompt("gpt-4", `fake:{"output_tokens":5,"usage":"none"}`, "stream", true)},
		{key: "sk-free", body: prompt("gpt-4", `fake:{"status":500}`)},
		{key: "sk-one", body: chat("gpt-4", 5)}, {key: "sk-one", body: chat("gpt-4", 5)}, {key: "sk-one", body: chat("gpt-4", 5)},
		{key: "sk-poor", body: chat("gpt-4", 5)},
		{key: "sk-edge", body: chat("gpt-4", 5)},
		{key: "sk-gpt35", body: chat("gpt-4", 5)},
		{key: "sk-nobody-knows", body: chat("gpt-4", 5)},
		{key: "sk-free", body: `{"model":`},
	} {
		p.send(c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	resp := p.open(ctx, call{key: "sk-free", body: prompt("gpt-4", `fake:{"output_tokens":500,"delay_ms":50}`, "stream", true)})
	if words(bufio.NewScanner(resp.Body), 1) != 1 {
		t.Fatal("nothing came")
	}
	p.idleAt(1)
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"purser_decisions_total", []string{"admitted"}, 6},
		{"purser_decisions_total", []string{"throttling_error", "key", "requests"}, 2},
		{"purser_decisions_total", []string{"budget_exceeded", "key", "spend"}, 1},
		{"purser_decisions_total", []string{"model_access_denied", "key"}, 1},
		{"purser_decisions_total", []string{"token_not_found_in_db"}, 1},
		{"purser_decisions_total", []string{"malformed"}, 1},
		{"purser_clamped_total", nil, 1},
		{"purser_usage_total", []string{"reported"}, 3},
		{"purser_usage_total", []string{"counted"}, 1},
		{"purser_usage_total", []string{"none"}, 1},
		{"purser_ledger_seconds", []string{"settle", "true"}, 5},
		{"purser_requests_in_flight", nil, 1},
		{"purser_reservations_live", nil, 1},
		{"gen_ai_client_token_usage", []string{"gpt-4", "input", "chat", "openai"}, 4},
		{"gen_ai_server_request_duration_seconds", []string{"gpt-4", "failure"}, 1},
		{"gen_ai_server_request_duration_seconds", []string{"chat", "openai", "gpt-4", "500"}, 1},
		{"gen_ai_server_time_to_first_token_seconds", []string{"gpt-4"}, 5},
		{"gen_ai_server_time_per_output_token_seconds", []string{"chat", "openai", "gpt-4"}, 1},
	} {
		if got := p.metric(c.name, c.labels...); got != c.want {
			t.Errorf("%s%v: %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	if got := p.metric("purser_ledger_seconds", "reserve", "true"); got < 9 {
		t.Errorf("purser_ledger_seconds of reserve: %v", got)
	}
	cancel()
	p.idle()
	eventually(t, "the gauges fall", func() bool {
		return p.metric("purser_requests_in_flight") == 0 && p.metric("purser_reservations_live") == 0
	})
	// No label may tell who called.
	families, err := p.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if strings.HasPrefix(l.GetValue(), "sk-") || len(l.GetValue()) >= 64 {
					t.Errorf("%s{%s=%q}", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
}
