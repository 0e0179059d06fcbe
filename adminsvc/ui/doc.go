// Package ui is the web app at /ui, and the handler that serves it.
//
// The app is a client of the documented API like any other: same credentials, same
// errors. It is written in TypeScript (src/), built by `make ui` into dist/, which is
// not committed, and embedded from there. Without a build this package still compiles,
// and the page says what to run.
//
// # Invariants
//
//   - No request leaves the origin: scripts, styles and fonts come from here, and the
//     content security policy lets nothing else in. Styles that are made at run time
//     carry the nonce of the page they belong to.
//   - A file whose name carries its hash never changes and is cached for good; the page
//     itself is asked for each time.
//   - Every path below /ui that is no file is the app's, so that links survive reload;
//     a missing file below /ui/assets is a 404, never the page.
//   - The types of requests and replies are generated from the API's own OpenAPI
//     document (`purser openapi`) at build time, so that drift fails the build.
package ui
