package adminsvc

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// describe adds an operation to the OpenAPI document, from the same
// declarations that decode and render it.
func (s *server) describe(op operation, path, method string, in reflect.Type) {
	doc := &huma.Operation{
		OperationID: operationID(method, path), Method: method, Path: path, Summary: op.Summary, Description: op.Description,
		Tags: []string{op.Tag}, Responses: map[string]*huma.Response{},
	}
	p := planOf(in)
	zero := reflect.New(in).Elem()
	for _, where := range []struct {
		in    string
		slots []slot
	}{{"path", p.path}, {"query", p.query}} {
		for _, slot := range where.slots {
			if where.in == "path" && !strings.Contains(strings.ReplaceAll(path, "...}", "}"), "{"+slot.name+"}") {
				continue // one request type may serve paths with and without it
			}
			doc.Parameters = append(doc.Parameters, &huma.Param{Name: slot.name, In: where.in, Description: slot.doc,
				Required: slot.required || where.in == "path", Schema: slot.schema(zero, true)})
		}
	}
	if op.Creates {
		most := mostIdempotencyID
		doc.Parameters = append(doc.Parameters, &huma.Param{Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most},
			Description: "Makes the call safe to repeat: the same call with the same value within 24 hours creates nothing and answers as the first did, with the header Idempotent-Replayed. With another body it is refused (422)."})
	}
	if p.sent != nil {
		doc.RequestBody = &huma.RequestBody{Required: !op.BodyOptional, Content: map[string]*huma.MediaType{
			"application/json": {Schema: s.component(p, zero)},
		}}
	}
	if op.Form {
		doc.RequestBody.Content["application/x-www-form-urlencoded"] = doc.RequestBody.Content["application/json"]
	}
	if !op.Public {
		doc.Security = []map[string][]string{{"bearer": {}}, {"session": {}}}
	}
	reply := &huma.Schema{}
	if op.Reply != nil {
		t := reflect.TypeOf(op.Reply)
		list := t.Kind() == reflect.Slice
		if list {
			t = t.Elem()
		}
		reply = s.component(planOf(t), reflect.New(t).Elem())
		if list {
			reply = &huma.Schema{Type: huma.TypeArray, Items: reply}
		}
	}
	doc.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: reply}}}
	if op.Status != http.StatusOK {
		delete(doc.Responses, "200")
		ok := &huma.Response{Description: http.StatusText(op.Status)}
		if op.Status != http.StatusNoContent && op.Status != http.StatusSeeOther {
			ok.Content = map[string]*huma.MediaType{"application/json": {Schema: reply}}
		}
		doc.Responses[statusText(op.Status)] = ok
	}
	if op.Lines {
		doc.Responses["200"].Content = map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	if op.CSV {
		doc.Responses[statusText(op.Status)].Content["text/csv"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	doc.Responses["4XX"] = &huma.Response{Description: "Refused: what and why", Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Error"}},
	}}
	doc.Responses["5XX"] = &huma.Response{Description: "It could not be done now", Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Error"}},
	}}
	doc.Path = strings.ReplaceAll(doc.Path, "...}", "}")
	s.openapi.AddOperation(doc)
}

// component registers a declared type under its name and refers to it.
func (s *server) component(p *plan, zero reflect.Value) *huma.Schema {
	schemas := s.openapi.Components.Schemas.Map()
	name := strings.ToUpper(p.name[:1]) + p.name[1:]
	if _, ok := schemas[name]; !ok {
		o := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{}}
		for _, slot := range p.body {
			o.Properties[slot.name] = slot.schema(zero, false)
			if slot.required {
				o.Required = append(o.Required, slot.name)
			}
		}
		schemas[name] = o
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func zeroOf[T any]() reflect.Value { return reflect.New(reflect.TypeFor[T]()).Elem() }

func (s slot) schema(zero reflect.Value, param bool) *huma.Schema {
	out := *s.field(zero).schema()
	if param || s.required {
		out.Nullable = false
	}
	if s.doc != "" && !param {
		out.Description = s.doc
	}
	for _, e := range s.enum {
		out.Enum = append(out.Enum, e)
	}
	if out.Nullable && len(out.Enum) > 0 {
		out.Enum = append(out.Enum, nil)
	}
	return &out
}

func operationID(method, path string) string {
	id := strings.NewReplacer("/", "-", "{", "", "...}", "", "}", "", "_", "-").Replace(strings.Trim(path, "/"))
	return strings.ToLower(method) + "-" + id
}

func newOpenAPI(version string) *huma.OpenAPI {
	object := func(properties map[string]*huma.Schema) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, Properties: properties}
	}
	text := &huma.Schema{Type: huma.TypeString}
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.Map()["Error"] = &huma.Schema{
		Description: "The envelope of LLM APIs, or detail: a text, an object, or the list of what is wrong with the request. Where LiteLLM answers with detail.error both are there.",
		AnyOf: []*huma.Schema{
			object(map[string]*huma.Schema{"error": object(map[string]*huma.Schema{
				"message": text, "type": text, "param": {Type: huma.TypeString, Nullable: true}, "code": text,
			})}),
			object(map[string]*huma.Schema{"detail": {}}),
		},
	}
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Purser", Version: version,
			Description: "Virtual keys, projects and teams, budgets, rate limits and the spend ledger of a mesh's LLM traffic. Shapes follow LiteLLM's management API."},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
			"bearer":  {Type: "http", Scheme: "bearer", Description: "The master key or a virtual key."},
			"session": {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "Who signed in by /v2/login. Requests that change something must come from the same origin."},
		}},
	}
}

func (s *server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	if err := write(w, http.StatusOK, s.openapi); err != nil {
		s.log.Error("the OpenAPI document cannot be written", "error", err)
	}
}

func (s *server) serveDocs(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'")
	_, _ = w.Write(docsPage)
}
