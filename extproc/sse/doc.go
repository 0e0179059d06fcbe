// Package sse splits a stream of server-sent events into whole events as the
// bytes arrive, and never gives up a byte: the Raw parts of all events, put
// together, are the stream.
//
// Where an event ends depends on the bytes alone, not on how they were cut into
// chunks. Lines end with LF, CR LF or CR. An event ends behind its blank line; a
// last event without one ends with the stream. Behind CR LF and LF a CR waits
// for the LF that may follow; in a stream of bare CRs it does not, so that no
// event waits for the next one.
//
// Events that lie whole in a chunk are not copied. Of an event that goes on in
// the next chunk at most Max bytes are held; a longer one comes in pieces as its
// bytes arrive, marked Oversize.
package sse
