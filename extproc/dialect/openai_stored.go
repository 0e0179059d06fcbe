package dialect

import (
	"net/url"
	"strings"

	"github.com/purser/purser/policy"
)

// What OpenAI stores, and what talks over a websocket: authenticated, limited
// by requests and parallel, and recorded as unmetered. The model, where a
// request names one, is in the query.

var (
	_ = register(storedEndpoint("files.create", "acreate_file", "POST", "/files"))
	_ = register(storedEndpoint("files.list", "afile_list", "GET", "/files"))
	_ = register(storedEndpoint("files.get", "afile_retrieve", "GET", "/files/{id}"))
	_ = register(storedEndpoint("files.delete", "afile_delete", "DELETE", "/files/{id}"))
	_ = register(storedEndpoint("files.content", "afile_content", "GET", "/files/{id}/content"))
	_ = register(storedEndpoint("batches.create", "acreate_batch", "POST", "/batches"))
	_ = register(storedEndpoint("batches.list", "alist_batches", "GET", "/batches"))
	_ = register(storedEndpoint("batches.get", "aretrieve_batch", "GET", "/batches/{id}"))
	_ = register(storedEndpoint("batches.cancel", "acancel_batch", "POST", "/batches/{id}/cancel"))

	_ = register(realtime())
)

func storedEndpoint(name, callType, method, route string) *Endpoint {
	return openAIEndpoint(Endpoint{
		Name:      name,
		CallType:  callType,
		Method:    method,
		Route:     route,
		Paths:     []string{"/v1" + route, route, "/openai/v1" + route, "/openai" + route},
		Unmetered: true,
		read:      readQueryModel,
		place: func(call *Call, d *policy.Deployment, _ string) string {
			prefix := d.PathPrefix
			if d.Format == policy.FormatAzure && !strings.HasSuffix(prefix, "/v1") {
				prefix, _, _ = strings.Cut(prefix, "/deployments/")
				prefix = strings.TrimSuffix(prefix, "/openai") + "/openai"
			}
			path := prefix + strings.Replace(route, "{id}", call.in.ID, 1)
			return withQuery(path, joinQuery(d.Query, keepQuery(call.in.Query, "after", "before", "limit", "order", "purpose", "include", "include[]", "stream", "starting_after")))
		},
	})
}

func realtime() *Endpoint {
	return openAIEndpoint(Endpoint{
		Name:      "realtime",
		CallType:  "_arealtime",
		Method:    "GET",
		Route:     "/realtime",
		Paths:     []string{"/v1/realtime", "/realtime", "/openai/v1/realtime", "/openai/realtime"},
		Unmetered: true,
		Upgrade:   true,
		read: func(e *Endpoint, call *Call) *Malformed {
			if m := readQueryModel(e, call); m != nil {
				return m
			}
			if call.Model == "" {
				return &Malformed{Message: "The request names no model: ?model=…", Param: "model", Code: "missing_required_parameter"}
			}
			return nil
		},
		place: func(call *Call, d *policy.Deployment, model string) string {
			prefix, name := d.PathPrefix, "model="
			if d.Format == policy.FormatAzure && !strings.HasSuffix(prefix, "/v1") {
				prefix, _, _ = strings.Cut(prefix, "/deployments/")
				prefix, name = strings.TrimSuffix(prefix, "/openai")+"/openai", "deployment="
			}
			return withQuery(prefix+"/realtime", joinQuery(d.Query, name+url.QueryEscape(model)))
		},
	})
}

// readQueryModel takes the model from the query: "model", or Azure's
// "deployment"; given twice it is refused.
func readQueryModel(_ *Endpoint, call *Call) *Malformed {
	values, err := url.ParseQuery(call.in.Query)
	if err != nil {
		return &Malformed{Message: "The query cannot be read.", Code: "invalid_query"}
	}
	names := append(values["model"], values["deployment"]...)
	switch {
	case len(names) > 1:
		return &Malformed{Message: "The query names more than one model.", Param: "model", Code: "duplicate_field"}
	case len(names) == 1 && call.Model == "":
		call.Model = names[0]
	}
	return nil
}

// keepQuery is a query with only some of its names: what else a client puts
// there (a key, a version) is not for the provider.
func keepQuery(query string, names ...string) string {
	var kept []string
	for _, pair := range strings.Split(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		for _, n := range names {
			if err == nil && n == name {
				kept = append(kept, pair)
			}
		}
	}
	return strings.Join(kept, "&")
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}
