// Package envoy is Purser's one definition of Envoy's configuration: typed builders for the bootstrap, the listener, the
// routes, the clusters, the secrets and the ext_proc filter, written with Envoy's own protos so that a misspelt field does
// not compile.
//
// # One port, two planes
//
//	           ┌──────────────────────── one listener, one virtual host ────────────────────────┐
//	client ───▶│ early: drop x-purser-cluster          (before any route is chosen)              │
//	           │ filters: note the path → strip → buffer → ext_proc → router                     │
//	           │ routes, first match wins (CONNECT is refused):                                  │
//	           │   routed   x-purser-cluster present   ext_proc on    cluster = that header      │
//	           │   llm      the path is in LLMPaths    ext_proc on    cluster = that header      │
//	           │   admin    everything else            ext_proc off   cluster = adminsvc         │
//	           └─────────────────────────────────────────────────────────────────────────────────┘
//
// A request for a model first matches "llm". The ext_proc server answers with x-purser-cluster, the provider's :path and
// clear_route_cache; the request is then matched again, on the header, so that the provider's path may be anything. That is
// why the route table never changes: a new model is one cluster and one secret.
//
// # Invariants
//
//   - A provider is only reached through a route that names its cluster by x-purser-cluster, and a client cannot set that
//     header: it is removed before routing. Without the header there is no cluster (503). No path trick leads around
//     ext_proc, because the one route without ext_proc leads only to adminsvc.
//   - A caller's credential never reaches a provider that has a credential of its own: the provider's cluster removes every
//     known credential header before it adds its own, whatever ext_proc did.
//   - Only what cannot have reached a provider is tried again (connect failures, refused streams): a provider bills what it
//     has begun, and nobody can tell from here whether it had.
//   - No secret is logged: the access log has no credential header, no query and no path segment that is a key.
//
// # When something fails
//
// ext_proc down, slow or refusing: 503 (unless Config.FailOpen). No cluster or no endpoint: 503. A body over
// Config.BodyLimit: 413 on both planes. A secret that is missing: 502 instead of Envoy's own 401, which would look like the
// caller's fault. Every reply that Envoy makes itself is in the error format of the API that was called (see localreply.go);
// replies of ext_proc and of providers are never touched.
package envoy
