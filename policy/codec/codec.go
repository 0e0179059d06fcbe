package codec

import (
	"errors"
	"time"

	"github.com/purser/purser/policy"
)

// ErrMalformed says that bytes are no body.
var ErrMalformed = errors.New("codec: malformed body")

// Underway is a request that was admitted and has no entry yet.
type Underway struct {
	ReservedAt time.Time
	Output     int64 // tokens granted
	Draft      policy.Draft
}

// AppendEntry appends an entry to b.
func AppendEntry(b []byte, e *policy.Entry) []byte { return entryFields.append(b, e) }

// ReadEntry fills e from a body. The strings of e share body's memory.
func ReadEntry(body string, e *policy.Entry) error { return entryFields.read(body, e) }

// AppendUnderway appends a request under way to b.
func AppendUnderway(b []byte, u *Underway) []byte { return underwayFields.append(b, u) }

// ReadUnderway fills u from a body. The strings of u share body's memory.
func ReadUnderway(body string, u *Underway) error { return underwayFields.read(body, u) }
