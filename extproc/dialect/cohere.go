package dialect

import (
	"strings"

	"github.com/purser/purser/policy"
)

// Reranking, in the shape of Cohere, which Jina, Voyage and others share.
var _ = register(&Endpoint{
	Name:     "rerank",
	CallType: "arerank",
	Format:   policy.FormatCohere,
	Route:    "/rerank",
	Method:   "POST",
	Paths:    []string{"/v1/rerank", "/rerank", "/v2/rerank"},
	main:     true,
	mode:     "*", // there is one operation, whatever the deployment is called
	probe:    `{"model":"m","query":"ping","documents":["pong"],"top_n":1}`,
	lists:    func(d *policy.Deployment) string { return withQuery(d.PathPrefix+"/models", d.Query) },
	Billable: true,

	read: func(_ *Endpoint, call *Call) *Malformed {
		call.NoOutput = true
		m := readJSON(cohereRerankFields, call)
		call.Asks.Queries = max((call.prompts+searchUnit-1)/searchUnit, 1)
		return m
	},
	modelField: "model",
	place: func(call *Call, d *policy.Deployment, _ string) string {
		prefix := d.PathPrefix
		if !strings.HasSuffix(prefix, "/v1") && !strings.HasSuffix(prefix, "/v2") {
			version := "/v1"
			if strings.HasPrefix(call.in.Path, "/v2/") {
				version = "/v2"
			}
			prefix += version
		}
		return withQuery(prefix+"/rerank", d.Query)
	},
	replies: cohereRerankReplies,
	tally:   func(call *Call, head Head) tally { return &rerankTally{common: newCommon(call, head)} },
	shape:   openAIShape,
})

// searchUnit is how many documents Cohere reranks for the price of one query.
const searchUnit = 100

var cohereRerankFields = proxyFields(fields{
	"model": takeModel,
	"query": takeText,
	"documents[]": func(r *request, v value) {
		r.call.prompts++
		takeText(r, v)
	},
	"documents[].text": takeText,
}).compile()

var cohereRerankReplies = wants{
	"id":                             {capture, rID},
	"model":                          {capture, rModel},
	"meta.billed_units.search_units": {capture, uQueries},
	"meta.billed_units.total_tokens": {capture, uInput}, // Together, Infinity
	"meta.tokens.input_tokens":       {capture, uInput},
	"usage.total_tokens":             {capture, uInput}, // Jina, Voyage
}.compile()

type rerankTally struct{ common }

func (t *rerankTally) begin()                 {}
func (t *rerankTally) end() bool              { return false }
func (t *rerankTally) value(id int, b []byte) { t.common.value(id, b) }
func (t *rerankTally) text(int, []byte)       {}
func (t *rerankTally) enter(int)              {}
func (t *rerankTally) exit(int)               {}

func (t *rerankTally) result() reported {
	r := reported{Result: t.res, input: t.set[uInput]}
	r.Usage = policy.Usage{Input: t.n[uInput], Queries: t.n[uQueries]}
	return r
}
