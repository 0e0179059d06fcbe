package extproc

import (
	"strconv"
	"strings"

	"github.com/purser/purser/policy"
)

// noteNamespace is that of the dynamic metadata which Envoy's filter accepts from us, and
// its access log and filters behind us read: %DYNAMIC_METADATA(purser:cost)%. Envoy
// merges what several answers say of it.
const noteNamespace = "purser"

// notedLength bounds a value, in bytes: some are the caller's own. What is not UTF-8
// would make Envoy refuse our whole answer.
const notedLength = 256

// who says who calls and for what: once a request is decided.
func (x *exchange) who() []header {
	out := make([]header, 0, 12)
	add := func(name, value string) { out = appendNoted(out, name, value) }
	g := &x.grant
	if x.keyHash != (policy.KeyHash{}) {
		add("key", x.keyHash.String())
	}
	if k := g.Key; k != nil {
		add("key_alias", k.Alias)
		add("user", k.UserID)
		add("team", k.TeamID)
		add("project", k.ProjectID)
		add("organization", k.OrganizationID)
	}
	add("customer", x.request.Customer)
	add("model", x.request.Model)
	if x.deployment != nil {
		add("deployment", x.deployment.ID)
	}
	return out
}

// refusedNote is who, and why not.
func (x *exchange) refusedNote(r *policy.Refusal) []header {
	out := append(x.who(), header{"decision", "refused"}, header{"reason", string(r.Code)})
	if r.Limited {
		out = appendNoted(out, "scope", r.Scope.String())
	}
	return out
}

// appendNoted adds a value that Envoy takes; none where it is empty.
func appendNoted(out []header, name, value string) []header {
	if len(value) > notedLength {
		value = value[:notedLength]
	}
	if value == "" {
		return out
	}
	return append(out, header{name, strings.ToValidUTF8(value, "?")})
}

// usedNote is what a settled request took; cost is in dollars, to the nano-dollar.
func usedNote(e *policy.Entry) []header {
	out := []header{{"status", string(e.Status)}, {"cost", e.Cost.Total.String()}, {"usage", e.Usage.Source.String()}}
	for _, n := range []struct {
		name  string
		value int64
	}{{"input_tokens", e.Usage.Input}, {"output_tokens", e.Usage.Output}} {
		if n.value != 0 {
			out = append(out, header{n.name, strconv.FormatInt(n.value, 10)})
		}
	}
	return out
}

// noted adds what a settlement has left to say.
func (x *exchange) noted(out outbound) outbound {
	out.note = append(out.note, x.used...)
	x.used = nil
	return out
}
