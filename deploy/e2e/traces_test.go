package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/purser/purser/envoy/envoytest"
)

// traced looks for Envoy's spans and the services' in one trace.
func (s *rollout) traced(t *testing.T, c *envoytest.Collector) {
	const trace, caller = "5af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	team := s.manage(t, "/team/new", `{"team_alias":"traced"}`, "team_id")
	key := s.manage(t, "/key/generate", fmt.Sprintf(`{"team_id":%q}`, team), "key")
	status, text := s.ask(t, key, "/v1/chat/completions", `{"model":"gpt-4","messages":[{"role":"user","content":"hunter2 fake:{\"output_tokens\":9}"}]}`,
		"traceparent", "00-"+trace+"-"+caller+"-01")
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	in := func(service, name string) envoytest.Span {
		return c.Await(service+" "+name, func(s envoytest.Span) bool {
			return s.Trace() == trace && s.Service == service && strings.Contains(s.Name, name)
		})
	}
	ours, stream := in("purser-extproc", "chat gpt-4"), in("purser-envoy", "ext_proc")
	if ours.Parent() != stream.ID() {
		t.Errorf("ours is below %s, not below Envoy's stream %s", ours.Parent(), stream.ID())
	}
	request := c.Await("the request", func(s envoytest.Span) bool { return s.Trace() == trace && s.ID() == stream.Parent() })
	if request.Parent() != caller {
		t.Errorf("Envoy's is below %s, not below the caller's", request.Parent())
	}
	for name, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4", "gen_ai.response.model": "gpt-4", "gen_ai.usage.output_tokens": "9",
		"http.response.status_code": "200", "purser.decision": "admitted", "purser.team": team, "purser.request_id": request.Attribute("guid:x-request-id"),
	} {
		if got := ours.Attribute(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if ours.Attribute("purser.call_id") == "" || ours.Attribute("gen_ai.usage.input_tokens") == "" || ours.Attribute("purser.cost_nanousd") == "" {
		t.Errorf("missing attributes: %v", ours.Attributes)
	}
	// The same on the management plane.
	const managed = "6af7651916cd43dd8448eb211c80319c"
	s.ask(t, s.info.MasterKey, "/key/info?key="+key, "", "traceparent", "00-"+managed+"-"+caller+"-01")
	admin := c.Await("adminsvc's", func(s envoytest.Span) bool { return s.Trace() == managed && s.Service == "purser-adminsvc" })
	hop := c.Await("the hop to adminsvc", func(s envoytest.Span) bool { return s.Trace() == managed && s.ID() == admin.Parent() })
	if admin.Name != "GET /key/info" || admin.Attribute("http.response.status_code") != "200" || hop.Service != "purser-envoy" {
		t.Errorf("adminsvc's span %v, below %v", admin.Span, hop.Span)
	}
	for _, secret := range []string{key, s.spent, s.info.MasterKey + "\x12", "sk-nobody-has-this", "hunter2", "Bearer "} {
		if bytes.Contains(c.Bytes(), []byte(secret)) {
			t.Errorf("%q is among what the collector got", secret)
		}
	}
}
