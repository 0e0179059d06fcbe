// Package sse splits a stream of server-sent events into events as the bytes
// arrive, without giving up the bytes.
package sse
