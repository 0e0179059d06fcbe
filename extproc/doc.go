// Package extproc is Envoy's front door: the ext_proc server that authenticates
// a call, asks the policy and the ledger, sends the call to its deployment, reads
// what the reply used, and settles.
//
// # One request
//
// Envoy opens one gRPC stream per HTTP request and sends up to four kinds of
// message, each answered before it goes on:
//
//	request headers   who is it? Refused here, before the body is uploaded, if nobody.
//	request body      what is asked? Decide, Reserve; model, path, cluster, credential.
//	response headers  which meter, and does the body come whole or in chunks?
//	response body     the meter reads; at the end the request is settled.
//
// An Exchange is one request: a value on the stack of Process. It knows no
// protobuf; server.go reads Envoy's messages and reply.go writes them.
//
// # Invariants
//
//   - A stream that ends before the request does is ended with a status other
//     than OK: to Envoy a clean close means "carry on without me", which would let
//     the request through unjudged. Panics included.
//   - What was reserved is settled exactly once, whatever ended the stream; there
//     may never be an end-of-stream message. Settling outlives the client.
//   - A stream that breaks off is charged for its prompt and for the tokens that reached
//     us. What its client did not read any more was produced and is paid for; what the
//     provider produced and never sent on nobody can count.
//   - The settlement comes before the last bytes are released, so that a caller's
//     next request sees the true balance and its parallel slot free.
//   - No header that a client sent chooses a route: the routing header is set on
//     every request that goes on, and every x-purser-* header a client sent is removed.
//   - The client's credential never goes on, in whichever header it came.
//   - Wherever content-length could become untrue it is removed or set: Envoy cuts
//     a streamed reply silently at the length its headers announced.
package extproc
