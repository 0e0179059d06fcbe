package adminsvc

import (
	"slices"
	"strconv"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An answer about activity is tens of megabytes where many keys are told apart on many
// days, in six breakdowns each. It is written straight down: making Objects of it first,
// and marshalling these, took twenty times as long.
type activityWriter struct {
	b     []byte
	keys  map[string]keyText
	order []string // the keys by name
}

// keyText is what every mention of a key has around its metrics.
type keyText struct{ before, after []byte }

// rawJSON is a reply that is JSON already.
type rawJSON []byte

func writeActivity(days []*activityDay, keys, names map[string]Object, meta Object) (any, error) {
	w := &activityWriter{keys: make(map[string]keyText, len(keys)), order: sortedNames(keys)}
	for hash, about := range keys {
		if hash == "" {
			continue // requests of no key count to the day alone
		}
		text, err := json.Marshal(about)
		if err != nil {
			return nil, err
		}
		name, err := jsontext.AppendQuote(nil, hash)
		if err != nil {
			return nil, err
		}
		w.keys[hash] = keyText{before: append(name, `:{"metrics":`...), after: append(append([]byte(`,"metadata":`), text...), '}')}
	}
	w.order = slices.DeleteFunc(w.order, func(hash string) bool { return hash == "" })
	about := make(map[string][]byte, len(names))
	for id, n := range names {
		text, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		about[id] = text
	}
	// Room for all of it: to grow step by step is to copy it all half a dozen times.
	around := 0
	for _, text := range w.keys {
		around = max(around, len(text.before)+len(text.after))
	}
	mentions := 0
	for _, d := range days {
		mentions += len(d.keys) + 1
		for _, parts := range []map[string]*slice{d.models, d.groups, d.providers, d.endpoints, d.entities} {
			for _, p := range parts {
				mentions += len(p.keys) + 1
			}
		}
	}
	const aMetrics, most = 450, 1 << 28
	w.b = make([]byte, 0, min(mentions*(aMetrics+around)+4096, most))
	var total metrics
	w.text(`{"results":[`)
	for i, d := range days {
		total.addAll(&d.total)
		if i > 0 {
			w.text(",")
		}
		w.text(`{"date":`)
		w.quote(d.day)
		w.text(`,"metrics":`)
		w.metrics(&d.total)
		w.text(`,"breakdown":{"mcp_servers":{},"models":`)
		w.slices(d.models, nil)
		w.text(`,"model_groups":`)
		w.slices(d.groups, nil)
		w.text(`,"providers":`)
		w.slices(d.providers, nil)
		w.text(`,"endpoints":`)
		w.slices(d.endpoints, nil)
		w.text(`,"api_keys":`)
		w.byKey(d.keys)
		w.text(`,"entities":`)
		w.slices(d.entities, about)
		w.text(`}}`)
	}
	tail, err := json.Marshal(append(total.totals(), meta...))
	if err != nil {
		return nil, err
	}
	w.text(`],"metadata":`)
	w.b = append(append(w.b, tail...), '}')
	return rawJSON(w.b), nil
}

func (w *activityWriter) text(s string) { w.b = append(w.b, s...) }

// quote writes a name; what is not UTF-8 in it was replaced when it was stored.
func (w *activityWriter) quote(s string) {
	if b, err := jsontext.AppendQuote(w.b, s); err == nil {
		w.b = b
		return
	}
	w.text(strconv.QuoteToASCII("?"))
}

// slices writes a dimension: name → metrics, metadata, and the same by key.
func (w *activityWriter) slices(parts map[string]*slice, about map[string][]byte) {
	w.text("{")
	first := true
	for _, name := range sortedNames(parts) {
		if name == "" {
			continue // what has no name in this dimension counts to the day alone
		}
		if !first {
			w.text(",")
		}
		first = false
		w.quote(name)
		w.text(`:{"metrics":`)
		w.metrics(&parts[name].metrics)
		w.text(`,"metadata":`)
		if text, ok := about[name]; ok {
			w.b = append(w.b, text...)
		} else {
			w.text("{}")
		}
		w.text(`,"api_key_breakdown":`)
		w.byKey(parts[name].keys)
		w.text("}")
	}
	w.text("}")
}

// byKey writes sums by key, of the keys that have names.
func (w *activityWriter) byKey(parts map[string]*metrics) {
	order := w.order
	if len(parts) < len(order)/8 { // few of many: cheaper sorted than looked for
		order = sortedNames(parts)
	}
	w.text("{")
	first := true
	for _, hash := range order {
		m := parts[hash]
		key, named := w.keys[hash]
		if m == nil || !named {
			continue
		}
		if !first {
			w.text(",")
		}
		first = false
		w.b = append(w.b, key.before...)
		w.metrics(m)
		w.b = append(w.b, key.after...)
	}
	w.text("}")
}

// metrics writes spendMetrics, as metrics.row has them.
func (w *activityWriter) metrics(m *metrics) {
	b := append(w.b, `{"spend":`...)
	b = m.spend.AppendJSON(b)
	number := func(name string, n int64) { b = strconv.AppendInt(append(b, name...), n, 10) }
	number(`,"flat_cost":0.0,"prompt_tokens":`, m.input)
	number(`,"completion_tokens":`, m.output)
	number(`,"cache_read_input_tokens":`, m.cacheRead)
	number(`,"cache_creation_input_tokens":`, m.cacheWrite)
	number(`,"compression_saved_tokens":0,"compression_savings_spend":0.0,"prompt_caching_savings_spend":0.0,"gateway_injected_caching_savings_spend":0.0,"autorouter_savings_spend":0.0,"total_tokens":`, m.tokens())
	number(`,"successful_requests":`, m.succeeded)
	number(`,"failed_requests":`, m.failed)
	number(`,"api_requests":`, m.requests)
	number(`,"total_response_time_ms":`, m.millis)
	number(`,"timed_requests":`, m.requests)
	w.b = append(b, '}')
}
