// Package dialect knows the API formats that pass through Purser: which paths
// belong to them, what a request asks for, how to change the few fields that
// Purser decides, where the request goes at the provider, what a reply used,
// and what a refusal looks like to the format's own SDK.
//
// One request takes four calls, all of them pure functions over bytes:
//
//	match, ok := dialect.Find(method, path)          // path → endpoint, model in the path
//	call, err := match.Endpoint.Read(inbound)        // body → model, stream, cap, text
//	body, changed := match.Endpoint.Rewrite(call, …) // the model's other name, a lower cap
//	meter := match.Endpoint.NewMeter(call, head)     // reply bytes in, reply bytes and usage out
//
// # Adding a format
//
// One file that declares its Endpoints with register, its test, and recordings
// in testdata/: the conformance test finds them there.
//
// # Invariants
//
//   - A request in which a field that we read is written twice, or in another
//     case beside or instead of its true name, is refused: parsers differ in which
//     one they believe, and the provider's decides what is paid.
//   - Rewrite changes the bytes of the values it must change, and no other byte.
//   - A meter passes every byte on as it came, in order. The only exception is
//     the usage frame of a stream whose client did not ask for one.
//   - Usage is what the provider said last, field by field; never a sum. Where it
//     said nothing, the text that passed is counted, and marked as counted.
//   - Nothing panics, whatever the bytes; what is held is bounded.
package dialect
