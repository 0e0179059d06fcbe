package config

import (
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/pricemap"
)

// entry is one entry of model_list while it is read.
type entry struct {
	at     value // the entry
	params value // litellm_params, or the entry itself where the settings stand in it
	info   value // model_info

	name         string
	model        value
	provider     string // custom_llm_provider
	providerAt   value
	base         value
	key          value
	token        value // azure_ad_token
	version      string
	organization policy.Secret
	headers      map[string]policy.Secret
	baseModel    string
	baseAt       value

	id        value
	mode      string
	maxTokens int64 // the older name of maxOutput
	maxInput  int64
	maxOutput int64
	groups    []string
	blocked   bool
	places    []string // supported_environments; nil: all
	rpm, tpm  *int64
	weight    *int64 // in thousandths
	order     *int64
	timeout   time.Duration
	stream    time.Duration
	retries   *int
	rates     pricemap.Rates
}

// models reads model_list.
func (r *reader) models(v, credentials value) {
	named := r.credentials(credentials)
	b := &builder{reader: r, ids: map[string]value{}}
	if !v.null() {
		for _, item := range r.list(v) {
			if e := r.entry(item, named); e != nil {
				b.deployment(e)
			}
		}
	}
	weigh(b.made)
	b.show()
	r.cfg.stood = &context{made: b.made, opts: r.opts, prices: r.prices, environ: r.environ, credentials: named, secrets: r.secrets}
}

// credentials reads credential_list: name → its values.
func (r *reader) credentials(v value) map[string]value {
	named := map[string]value{}
	if v.null() {
		return named
	}
	for _, item := range r.list(v) {
		if _, ok := r.object(item); !ok {
			continue
		}
		name, ok := "", false
		if n := item.get("credential_name"); !n.null() {
			name, ok = r.text(n)
		}
		if !ok || name == "" {
			r.fail(item, "needs a credential_name")
			continue
		}
		if _, twice := named[name]; twice {
			r.fail(item, "has the name of another one")
		}
		named[name] = item.get("credential_values")
	}
	return named
}

// entry reads one entry; nil where it is none.
func (r *reader) entry(v value, credentials map[string]value) *entry {
	if _, ok := r.object(v); !ok {
		return nil
	}
	e := &entry{at: v, params: v.get("litellm_params"), info: v.get("model_info")}
	flat := e.params.null()
	if flat {
		e.params = value{kind: object, at: v.at}
	}
	if !e.params.null() {
		r.object(e.params)
	}
	var rest []field
	for _, f := range v.fields {
		_, own := entryTable.find(f.name)
		switch {
		case own:
		case flat && nearest(f.name, []string{"litellm_params", "model_info"}) != "":
			r.fail(f.value, "unknown; did you mean %s?", nearest(f.name, []string{"litellm_params", "model_info"}))
		case flat:
			e.params.fields = append(e.params.fields, f)
		default:
			rest = append(rest, f)
		}
	}
	// What is named comes first, so that what stands in the entry comes over it.
	if name := e.params.get("litellm_credential_name"); !name.null() {
		if text, ok := r.text(name); ok {
			if values, there := credentials[text]; there {
				r.modelSection(e, paramsTable, values, true)
			} else {
				r.fail(name, "credential_list has none of this name")
			}
		}
	}
	own := value{kind: object, at: v.at}
	for _, f := range v.fields {
		if _, is := entryTable.find(f.name); is {
			own.fields = append(own.fields, f)
		}
	}
	r.modelSection(e, entryTable, own, false)
	r.modelSection(e, paramsTable, e.params, true)
	r.modelSection(e, infoTable, e.info, true)
	for _, f := range rest {
		if _, is := paramsTable.find(f.name); is || isPrice(f.name) {
			r.warn(f.value, "has no effect here: write it into litellm_params")
			continue
		}
		r.unknown(f, entryTable.names())
	}
	return e
}

// modelSection reads the settings of one part of an entry.
func (r *reader) modelSection(e *entry, t table[*entry], v value, prices bool) {
	if v.null() {
		return
	}
	fields, _ := r.object(v)
	for _, f := range fields {
		if s, known := t.find(f.name); known {
			s.apply(r, e, f.value, r.warnOnce)
			continue
		}
		switch {
		case f.value.null():
		case prices && isPrice(f.name):
			r.readPrice(e, f)
		case cloud(f.name):
			r.warnOnce(f.value, f.name, "has no effect: it is for a provider that is not served")
		case t.open():
			// model_info holds whatever people want to read back; only what looks like a slip is worth a word.
			if near := nearest(f.name, append(t.names(), priceNames...)); near != "" {
				r.warn(f.value, "is kept and has no effect; did you mean %s?", near)
			}
		default:
			r.unknown(f, append(t.names(), priceNames...))
		}
	}
}

// open reports whether a section may hold names that nobody knows.
func (t table[Into]) open() bool {
	_, is := t.find(anyOther)
	return is
}

// cloud reports whether a setting is for one of the clouds that sign or log in.
func cloud(name string) bool {
	for _, start := range []string{"aws_", "vertex_", "s3_", "watsonx_", "gcs_", "bedrock_", "sagemaker_", "oci_", "sap_"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return slices.Contains([]string{"region_name", "bucket_name"}, name)
}

// setting of models: what is read of them.

func readHeaders(r *reader, e *entry, v value) {
	fields, _ := r.object(v)
	for _, f := range fields {
		if f.value.null() {
			continue
		}
		name := strings.ToLower(f.name)
		if !isHeader(name) || reserved(name) {
			r.fail(f.value, "cannot be sent as a header")
			continue
		}
		text, ok := r.secret(f.value)
		if !ok {
			continue
		}
		if value := text.Reveal(); !isHeaderValue(value) || strings.TrimSpace(value) != value || value == "" {
			r.fail(f.value, "holds what no header can, or nothing")
			continue
		}
		if e.headers == nil {
			e.headers = map[string]policy.Secret{}
		}
		e.headers[name] = text
	}
}

// reserved are the headers that decide where a call goes and how it is framed.
func reserved(name string) bool {
	return strings.HasPrefix(name, "x-purser-") || strings.HasPrefix(name, "x-envoy-") ||
		slices.Contains([]string{"host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "accept-encoding"}, name)
}

func isHeaderValue(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

func readGroups(r *reader, e *entry, v value) {
	texts, _ := r.texts(v)
	for i, text := range texts {
		if text == "" {
			r.fail(v.items[i], "is empty")
		}
		if !slices.Contains(e.groups, text) {
			e.groups = append(e.groups, text)
		}
	}
}

// readWeight reads a share, which may be a fraction.
func readWeight(r *reader, e *entry, v value) {
	n, ok := r.decimal(v)
	if ok && n == 0 {
		r.fail(v, "must be more than 0; to keep calls away set model_info.blocked")
		return
	}
	if ok && n > 1_000_000_000 {
		r.fail(v, "must be at most 1000000")
		return
	}
	if ok {
		e.weight = &n
	}
}

func readOrder(r *reader, e *entry, v value) {
	n, ok := r.whole(v, 0)
	if ok && n > 1_000_000 {
		r.fail(v, "must be at most 1000000")
		return
	}
	if ok {
		e.order = &n
	}
}
