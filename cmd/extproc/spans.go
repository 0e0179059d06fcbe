package main

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/purser/purser/cmd/boot/traces"
	"github.com/purser/purser/extproc"
)

// spanOf is a request's span in OpenTelemetry's words for generative AI, and in ours
// (purser.…) for what it has none.
func spanOf(s *extproc.Span) traces.Done {
	name := s.Operation
	if s.Known {
		name += " " + s.Model // others would be as many as callers like
	}
	d := traces.Done{
		Traceparent: s.Parent, Tracestate: s.State, Name: strings.TrimSpace(name), Began: s.Started, Ended: s.Ended, Failed: s.Failed,
		Events:     []traces.Event{{Name: "decided", At: s.Decided}, {Name: "reply", At: s.FirstByte}},
		Attributes: make([]attribute.KeyValue, 0, 32),
	}
	if d.Name == "" {
		d.Name = "unknown path"
	}
	text := func(name, value string) {
		if value != "" {
			d.Attributes = append(d.Attributes, attribute.String(name, value))
		}
	}
	number := func(name string, value int64) {
		if value != 0 {
			d.Attributes = append(d.Attributes, attribute.Int64(name, value))
		}
	}
	text("gen_ai.operation.name", s.Operation)
	text("gen_ai.provider.name", s.Provider)
	text("gen_ai.request.model", s.Model)
	number("gen_ai.request.max_tokens", s.MaxOutput)
	text("gen_ai.response.id", s.ResponseID)
	text("gen_ai.response.model", s.ResponseModel)
	if s.Finish != "" {
		d.Attributes = append(d.Attributes, attribute.StringSlice("gen_ai.response.finish_reasons", []string{s.Finish}))
	}
	text("server.address", s.Server)
	number("server.port", int64(s.Port))
	text("http.route", s.Route)
	number("http.response.status_code", int64(s.Status))
	text("error.type", s.Error)

	text("purser.call_id", s.CallID)
	text("purser.request_id", s.RequestID)
	text("purser.deployment", s.Deployment)
	text("purser.organization", s.Organization)
	text("purser.team", s.Team)
	text("purser.project", s.Project)
	text("purser.decision", s.Decision)
	text("purser.shadowed", string(s.Shadowed))
	if r := s.Refusal; r != nil {
		text("purser.reason", string(r.Code))
		if r.Limited {
			text("purser.scope", r.Scope.Kind.String())
			text("purser.limit_kind", r.Kind.String())
		}
	}
	number("purser.lowered_to", s.Lowered)
	number("purser.attempts", int64(s.Attempts))
	d.Attributes = append(d.Attributes, attribute.Bool("purser.stream", s.Stream))
	if !s.Settled {
		return d
	}
	d.Attributes = append(d.Attributes, attribute.Int64("gen_ai.usage.input_tokens", s.Usage.Input), attribute.Int64("gen_ai.usage.output_tokens", s.Usage.Output))
	number("gen_ai.usage.cache_read.input_tokens", s.Usage.Cached)
	number("gen_ai.usage.cache_creation.input_tokens", s.Usage.CacheWrite5m+s.Usage.CacheWrite1h)
	text("purser.usage", s.Usage.Source.String())
	d.Attributes = append(d.Attributes, attribute.Int64("purser.cost_nanousd", int64(s.Cost)))
	return d
}
