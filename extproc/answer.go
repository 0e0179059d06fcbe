package extproc

import (
	"math"
	"strconv"
	"time"

	"github.com/purser/purser/extproc/dialect"
	"github.com/purser/purser/policy"
)

// edge is how a policy.Code leaves the data plane.
type edge struct {
	status int
	kind   string // `type` of the envelope; "" is the code itself
	param  string
}

// edges maps every code once. The statuses and types are LiteLLM's.
var edges = map[policy.Code]edge{
	policy.CodeNoKey:            {401, "auth_error", "None"},
	policy.CodeMalformedKey:     {401, "auth_error", "None"},
	policy.CodeUnknownKey:       {401, "", "key"},
	policy.CodeExpiredKey:       {401, "", ""},
	policy.CodeKeyBlocked:       {401, "auth_error", "None"},
	policy.CodeTeamBlocked:      {401, "auth_error", "None"},
	policy.CodeProjectBlocked:   {401, "auth_error", "None"},
	policy.CodeUserBlocked:      {401, "auth_error", "None"},
	policy.CodeCustomerBlocked:  {401, "auth_error", "None"},
	policy.CodeMissingUser:      {401, "auth_error", "None"},
	policy.CodeUnmappedIdentity: {401, "auth_error", "None"},
	policy.CodeRouteDenied:      {403, "auth_error", "None"},
	policy.CodeIPDenied:         {403, "auth_error", "None"},
	policy.CodeModelDenied:      {403, "", "model"},
	policy.CodeUnpricedModel:    {403, "", "model"},
	policy.CodeUnknownModel:     {400, "invalid_request_error", "model"},
	policy.CodeWrongFormat:      {400, "invalid_request_error", "model"},
	policy.CodeBudget:           {422, "", ""},
	policy.CodeRate:             {429, "", ""},
	policy.CodeUnavailable:      {503, "internal_server_error", ""},
}

// answer is a reply that Purser gives in place of the provider.
type answer struct {
	status  int
	headers []header
	body    []byte
	details string // for Envoy's access log
}

// refuse maps a refusal to the endpoint's own shape. budgetStatus is the
// configured status of an exceeded budget; 0 is the table's.
func refuse(ep *dialect.Endpoint, r *policy.Refusal, budgetStatus int) answer {
	out := said(r, budgetStatus)
	a := answer{status: out.Status, details: "purser_" + string(r.Code)}
	contentType, body := ep.Refuse(out)
	a.body = body
	a.headers = append(a.headers, header{"content-type", contentType})
	switch r.Code {
	case policy.CodeBudget:
		a.headers = append(a.headers, header{"x-should-retry", "false"})
	case policy.CodeRate:
		a.headers = append(a.headers, header{"retry-after", strconv.FormatInt(seconds(r.RetryIn), 10)}, header{"rate_limit_type", r.Kind.Info().Header})
		if !r.ResetAt.IsZero() {
			a.headers = append(a.headers, header{"reset_at", strconv.FormatInt(r.ResetAt.Unix(), 10)})
		}
	}
	return a
}

// said is what a caller is told of a refusal, before an endpoint puts it into its own shape.
func said(r *policy.Refusal, budgetStatus int) dialect.Refusal {
	e, ok := edges[r.Code]
	if !ok {
		e = edge{500, "internal_server_error", ""}
	}
	if r.Code == policy.CodeBudget && budgetStatus != 0 {
		e.status = budgetStatus
	}
	out := dialect.Refusal{Status: e.status, Message: r.Message, Type: e.kind, Param: e.param, Code: strconv.Itoa(e.status), Extra: machineFields(r)}
	switch {
	case r.Code == policy.CodeModelDenied:
		out.Type = deniedAs[r.Scope.Kind] + "_model_access_denied"
	case out.Type == "":
		out.Type = string(r.Code)
	}
	if r.Param != "" {
		out.Param = r.Param
	}
	return out
}

// deniedAs names the level in the type of a refused model.
var deniedAs = map[policy.ScopeKind]string{
	policy.ScopeOrganization: "org", policy.ScopeTeam: "team", policy.ScopeMember: "team", policy.ScopeProject: "project",
	policy.ScopeUser: "user", policy.ScopeKey: "key", policy.ScopeCustomer: "customer",
}

// detailsMalformed tells Envoy's access log, and the metrics, what malformed answered.
const detailsMalformed = "purser_malformed"

// malformed is a request that cannot be read.
func malformed(ep *dialect.Endpoint, m *dialect.Malformed) answer {
	r := m.Refusal()
	if r.Param == "" && m.Code == "invalid_json" {
		r.Param = "request_body"
	}
	if r.Code != "" {
		// LiteLLM's code is always the status; what is wrong goes beside it.
		r.Extra = map[string]any{"reason": r.Code}
		r.Code = ""
	}
	contentType, body := ep.Refuse(r)
	return answer{status: r.Status, headers: []header{{"content-type", contentType}}, body: body, details: detailsMalformed}
}

// seconds rounds up to whole seconds, one at least.
func seconds(d time.Duration) int64 { return max(int64(math.Ceil(d.Seconds())), 1) }

// machineFields tell programs what the message tells people.
func machineFields(r *policy.Refusal) map[string]any {
	if r.Scope == (policy.Scope{}) && !r.Limited {
		return nil
	}
	m := map[string]any{"scope": r.Scope.Kind.String()}
	if r.Scope.ID != "" {
		m["scope_id"] = scopeID(r.Scope)
	}
	if !r.Limited {
		return m
	}
	m["limit_kind"] = r.Kind.String()
	m["window"] = r.Window
	if r.Model != "" {
		m["model"] = r.Model
	}
	if !r.Private {
		if r.Kind == policy.KindSpend {
			m["limit"], m["used"] = policy.Money(r.Limit), policy.Money(r.Used)
		} else {
			m["limit"], m["used"] = r.Limit, r.Used
		}
	}
	if !r.ResetAt.IsZero() {
		m["reset_at"] = r.ResetAt.UTC().Format(time.RFC3339)
	}
	return m
}

// scopeID is a scope's id as the API knows it: a member is "team/user".
func scopeID(s policy.Scope) string {
	if s.Kind == policy.ScopeMember {
		for i := range s.ID {
			if s.ID[i] == '\x1f' {
				return s.ID[:i] + "/" + s.ID[i+1:]
			}
		}
	}
	return s.ID
}
