// Package traces sends spans of what the services do to an OTLP collector, configured by
// OpenTelemetry's standard variables and off without them.
//
// Spans join Envoy's: the traceparent that Envoy 1.40 writes into the initial metadata of
// its stream to extproc, and into the headers of what it forwards to adminsvc, names a span
// of its own, whose children ours are. Whether a trace is kept is decided where it begins:
// unless OTEL_TRACES_SAMPLER says otherwise, the parent's flag is obeyed.
//
// Nothing waits for a collector. A span is put into a queue when what it tells of is over;
// where the queue is full it is dropped, and counted in purser_trace_spans_total.
package traces
