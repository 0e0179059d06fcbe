package extproc

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/purser/purser/policy"
)

// metrics are what the data plane tells Prometheus. Labels are bounded by the
// configuration: models, reasons, kinds; never keys, teams or callers.
type metrics struct {
	decisions *prometheus.CounterVec
	usage     *prometheus.CounterVec
	tokens    *prometheus.HistogramVec
	cost      *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	first     *prometheus.HistogramVec
	token     *prometheus.HistogramVec
	reserve   *prometheus.HistogramVec
	lowered   prometheus.Counter
	unpriced  *prometheus.CounterVec
	shadow    *prometheus.CounterVec
	// ungoverned counts what went on though it could not be judged.
	ungoverned prometheus.Counter
}

// newMetrics makes and registers them; a nil registry registers nothing.
func newMetrics(r prometheus.Registerer, s *Server) *metrics {
	seconds := []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68}
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "purser_decisions_total", Help: "Requests by what was decided: admitted, or the reason of the refusal, its level and its kind of limit."}, []string{"reason", "scope", "kind"}),
		usage:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "purser_usage_total", Help: "Settled requests by who counted their usage."}, []string{"source"}),
		tokens:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gen_ai_client_token_usage", Help: "Tokens per request.", Buckets: prometheus.ExponentialBuckets(1, 4, 14)}, []string{"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"}),
		cost:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "purser_spend_usd_total", Help: "Dollars spent, as journalled."}, []string{"model", "provider"}),
		duration:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gen_ai_server_request_duration_seconds", Help: "From the request's headers to its settlement.", Buckets: seconds}, []string{"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "status", "error_type"}),
		first:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gen_ai_server_time_to_first_token_seconds", Help: "From the request's headers to the reply's.", Buckets: seconds}, []string{"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"}),
		token:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gen_ai_server_time_per_output_token_seconds", Help: "Of streams that went well: from the reply's headers to its end, by each token but the first.", Buckets: []float64{.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5}}, []string{"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"}),
		reserve:   prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "purser_ledger_seconds", Help: "Time of one ledger call.", Buckets: prometheus.ExponentialBuckets(1e-6, 4, 12)}, []string{"call", "ok"}),
		lowered:   prometheus.NewCounter(prometheus.CounterOpts{Name: "purser_clamped_total", Help: "Requests whose output cap was lowered to what their limits pay for."}),
		unpriced:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "purser_unpriced_total", Help: "Requests served by a model nobody gave a price."}, []string{"model"}),
	}
	m.shadow = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "purser_shadow_refusals_total", Help: "Refusals that shadow mode kept from happening, by reason, level and kind of limit."}, []string{"reason", "scope", "kind"})
	m.ungoverned = prometheus.NewCounter(prometheus.CounterOpts{Name: "purser_failed_open_total", Help: "Requests that went on though nobody could check their limits: in shadow without the ledger, or without Redis under REDIS_DOWN=allow."})
	if r == nil {
		return m
	}
	r.MustRegister(m.shadow, m.ungoverned, m.decisions, m.usage, m.tokens, m.cost, m.duration, m.first, m.token, m.reserve, m.lowered, m.unpriced,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "purser_requests_in_flight", Help: "Requests under way in this process."}, func() float64 { return float64(s.open.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "purser_reservations_live", Help: "Reservations this process holds."}, func() float64 { return float64(s.live.count()) }))
	return m
}

// FailedOpen counts a request that the ledger let pass though it could not check its limits.
func (s *Server) FailedOpen() { s.metrics.ungoverned.Inc() }

func (m *metrics) refused(r *policy.Refusal) { refusalIn(m.decisions, r) }

// shadowed counts a refusal that did not happen.
func (m *metrics) shadowed(r *policy.Refusal) { refusalIn(m.shadow, r) }

func refusalIn(v *prometheus.CounterVec, r *policy.Refusal) {
	kind := ""
	if r.Limited {
		kind = r.Kind.String()
	}
	scope := ""
	if r.Limited || r.Code == policy.CodeModelDenied {
		scope = r.Scope.Kind.String()
	}
	v.WithLabelValues(string(r.Code), scope, kind).Inc()
}

func (m *metrics) settled(x *exchange, e *policy.Entry) {
	m.usage.WithLabelValues(e.Usage.Source.String()).Inc()
	operation, provider := operation(x.endpoint), providerName(e.Provider)
	if e.Usage.Input > 0 || e.Usage.Output > 0 { // a call without tokens is none of few
		m.tokens.WithLabelValues(operation, provider, e.ModelGroup, "input").Observe(float64(e.Usage.Input))
		m.tokens.WithLabelValues(operation, provider, e.ModelGroup, "output").Observe(float64(e.Usage.Output))
	}
	// A gauge of what was journalled, for people; the ledger itself counts in integers.
	m.cost.WithLabelValues(e.ModelGroup, e.Provider).Add(float64(e.Cost.Total) / float64(policy.Dollar))
	m.duration.WithLabelValues(operation, provider, e.ModelGroup, string(e.Status), errorType(e)).Observe(e.EndedAt.Sub(e.StartedAt).Seconds())
	if !e.FirstByte.IsZero() {
		m.first.WithLabelValues(operation, provider, e.ModelGroup).Observe(e.FirstByte.Sub(e.StartedAt).Seconds())
		if e.Stream && e.Status == policy.StatusSuccess && e.Usage.Output > 1 {
			m.token.WithLabelValues(operation, provider, e.ModelGroup).Observe(e.EndedAt.Sub(e.FirstByte).Seconds() / float64(e.Usage.Output-1))
		}
	}
	if x.deployment != nil && !x.deployment.PriceAt(e.ModelAsked).Known && x.endpoint.Billable {
		m.unpriced.WithLabelValues(e.ModelGroup).Inc()
	}
}

func (m *metrics) ledger(call string, began time.Time, now time.Time, err error) {
	ok := "true"
	if err != nil {
		ok = "false"
	}
	m.reserve.WithLabelValues(call, ok).Observe(now.Sub(began).Seconds())
}
