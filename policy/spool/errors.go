package spool

import "errors"

// Errors of Open and Append.
var (
	ErrClosed = errors.New("spool: closed")
	ErrFull   = errors.New("spool: the disk refuses writes and the memory for that case is full")
	ErrSize   = errors.New("spool: the record is larger than 4 MiB")
	ErrNoID   = errors.New("spool: a request needs a call id of 1 to 65535 bytes to be opened")
)

// NotSaved is the error of an Open or Append whose record may not survive the
// process.
type NotSaved struct {
	Kept bool // the entry is in memory all the same and will reach the Sink if the process lives
	Err  error
}

func (e *NotSaved) Error() string {
	if e.Kept {
		return "spool: not saved to disk, kept in memory: " + e.Err.Error()
	}
	return "spool: not saved: " + e.Err.Error()
}

func (e *NotSaved) Unwrap() error { return e.Err }
