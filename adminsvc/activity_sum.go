package adminsvc

import (
	"cmp"
	"slices"

	"github.com/purser/purser/policy"
)

// metrics is what is added up of requests.
type metrics struct {
	spend                                policy.Money
	input, output, cacheRead, cacheWrite int64
	requests, succeeded, failed, millis  int64
}

func (m *metrics) add(r *policy.ActivityRow) {
	m.spend += r.Spend
	m.input, m.output = m.input+r.Input, m.output+r.Output
	m.cacheRead, m.cacheWrite = m.cacheRead+r.CacheRead, m.cacheWrite+r.CacheWrite
	m.requests, m.succeeded, m.failed, m.millis = m.requests+r.Requests, m.succeeded+r.Succeeded, m.failed+r.Failed, m.millis+r.Millis
}

func (m *metrics) addAll(o *metrics) {
	m.add(&policy.ActivityRow{Spend: o.spend, Input: o.input, Output: o.output, CacheRead: o.cacheRead, CacheWrite: o.cacheWrite,
		Requests: o.requests, Succeeded: o.succeeded, Failed: o.failed, Millis: o.millis})
}

func (m *metrics) tokens() int64 { return m.input + m.output }

// spendMetrics is LiteLLM's SpendMetrics. What it measures and Purser does not do
// (compression, injected caching, auto-routing) is 0.
type spendMetrics struct {
	Spend       Opt[policy.Money] `json:"spend" default:"0.0"`
	FlatCost    Opt[policy.Money] `json:"flat_cost" default:"0.0"`
	Prompt      Opt[int64]        `json:"prompt_tokens" default:"0"`
	Completion  Opt[int64]        `json:"completion_tokens" default:"0"`
	CacheRead   Opt[int64]        `json:"cache_read_input_tokens" default:"0"`
	CacheWrite  Opt[int64]        `json:"cache_creation_input_tokens" default:"0"`
	Compressed  Opt[int64]        `json:"compression_saved_tokens" default:"0"`
	Compression Opt[policy.Money] `json:"compression_savings_spend" default:"0.0"`
	Caching     Opt[policy.Money] `json:"prompt_caching_savings_spend" default:"0.0"`
	Injected    Opt[policy.Money] `json:"gateway_injected_caching_savings_spend" default:"0.0"`
	Autorouter  Opt[policy.Money] `json:"autorouter_savings_spend" default:"0.0"`
	Tokens      Opt[int64]        `json:"total_tokens" default:"0"`
	Succeeded   Opt[int64]        `json:"successful_requests" default:"0"`
	Failed      Opt[int64]        `json:"failed_requests" default:"0"`
	Requests    Opt[int64]        `json:"api_requests" default:"0"`
	Millis      Opt[int64]        `json:"total_response_time_ms" default:"0"`
	Timed       Opt[int64]        `json:"timed_requests" default:"0"`
}

func (m *metrics) row() Object {
	return render[spendMetrics](nil, Object{
		{"spend", dollars(m.spend)}, {"prompt_tokens", m.input}, {"completion_tokens", m.output}, {"cache_read_input_tokens", m.cacheRead},
		{"cache_creation_input_tokens", m.cacheWrite}, {"total_tokens", m.tokens()}, {"successful_requests", m.succeeded}, {"failed_requests", m.failed},
		{"api_requests", m.requests}, {"total_response_time_ms", m.millis}, {"timed_requests", m.requests},
	})
}

// totals are the metrics under the names of DailySpendMetadata.
func (m *metrics) totals() Object {
	out := Object{}
	for _, f := range m.row() {
		name := "total_" + f.Name
		if f.Name == "total_tokens" || f.Name == "total_response_time_ms" {
			name = f.Name
		}
		out = append(out, Member{name, f.Value})
	}
	return out
}

// slice is a part of a day's activity, and that part by key.
type slice struct {
	metrics
	keys map[string]*metrics
}

// activityDay is a day's activity, whole and by every dimension.
type activityDay struct {
	day                                            string
	total                                          metrics
	models, groups, providers, endpoints, entities map[string]*slice
	keys                                           map[string]*metrics
}

// activityDays gathers rows by day.
type activityDays map[string]*activityDay

func (d activityDays) at(day string) *activityDay {
	a := d[day]
	if a == nil {
		a = &activityDay{day: day, models: map[string]*slice{}, groups: map[string]*slice{}, providers: map[string]*slice{}, endpoints: map[string]*slice{},
			entities: map[string]*slice{}, keys: map[string]*metrics{}}
		d[day] = a
	}
	return a
}

func sliceOf(m map[string]*slice, name string, r *policy.ActivityRow) {
	s := m[name]
	if s == nil {
		s = &slice{keys: map[string]*metrics{}}
		m[name] = s
	}
	s.add(r)
	addTo(s.keys, r.KeyHash, r)
}

func addTo(m map[string]*metrics, name string, r *policy.ActivityRow) {
	if m[name] == nil {
		m[name] = &metrics{}
	}
	m[name].add(r)
}

// add counts a row in, under every dimension but its entity's.
func (d activityDays) add(r *policy.ActivityRow) {
	a := d.at(r.Day)
	a.total.add(r)
	sliceOf(a.models, r.Model, r)
	sliceOf(a.groups, publicName(*r), r)
	sliceOf(a.providers, r.Provider, r)
	sliceOf(a.endpoints, r.Route, r)
	addTo(a.keys, r.KeyHash, r)
}

// addEntity counts a row in under its entity.
func (d activityDays) addEntity(r *policy.ActivityRow) { sliceOf(d.at(r.Day).entities, r.Entity, r) }

// newest lists the days, the newest first.
func (d activityDays) newest() []*activityDay {
	out := make([]*activityDay, 0, len(d))
	for _, a := range d {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *activityDay) int { return cmp.Compare(b.day, a.day) })
	return out
}

// keyTotals sums the keys of some days.
func keyTotals(days []*activityDay) map[string]*metrics {
	out := map[string]*metrics{}
	for _, d := range days {
		for hash, m := range d.keys {
			if out[hash] == nil {
				out[hash] = &metrics{}
			}
			out[hash].addAll(m)
		}
	}
	return out
}

// dearest lists the names of sums, those that spent most first, at most limit of them (0: all).
func dearest(sums map[string]*metrics, limit int) []string {
	names := sortedNames(sums)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(sums[b].spend, sums[a].spend) })
	if limit > 0 && len(names) > limit {
		names = names[:limit]
	}
	return names
}

// mostActivity bounds what a page of days tells of, in keys of entities, each of them some
// four kilobytes: LiteLLM's longest page has as many rows. A day is never parted.
const mostActivity = 1000

// activityPages are the pages of days, the newest first, given how much each day tells of:
// from which day to which.
func activityPages(told map[string]int, days int) (pages [][2]int) {
	names := sortedNames(told)
	slices.Reverse(names)
	sum := 0
	for i, day := range names {
		last := len(pages) - 1
		if last < 0 || i-pages[last][0] >= days || sum+told[day] > mostActivity {
			pages, sum, last = append(pages, [2]int{i, i}), 0, last+1
		}
		pages[last][1] = i + 1
		sum += told[day]
	}
	return pages
}
