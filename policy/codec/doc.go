// Package codec writes journal entries, and requests that have none yet, as bytes: in
// the spool on an extproc's disk, and in Redis. Most of a request's time in either
// went into JSON.
//
// A body is a list of fields: a key (number << 1 | form) and a value, either a signed
// varint or a length and bytes. Zero values are left out. A number is never used for
// something else, and a reader skips those it does not know, so that the processes
// before and after an upgrade read each other's.
//
// Reading what another program wrote never panics and takes no more memory than it is
// long; what is malformed is ErrMalformed.
package codec
