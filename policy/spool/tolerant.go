package spool

import (
	"context"
	"errors"
	"time"

	"github.com/purser/purser/policy"
)

// Tolerant is a Spool for who would rather serve than be sure: while the disk
// refuses writes, an entry that memory keeps counts as appended, and a request
// may start without a record of it. What that risks is their rows, if the process
// is killed before the disk or the Sink takes them; Health says that it is so.
type Tolerant struct{ *Spool }

var (
	_ policy.Journal = Tolerant{}
	_ policy.Opener  = Tolerant{}
)

// Append is Spool.Append, whose error for an entry that is kept is nil here.
func (t Tolerant) Append(ctx context.Context, e policy.Entry) error {
	err := t.Spool.Append(ctx, e)
	if n := (*NotSaved)(nil); errors.As(err, &n) && n.Kept {
		return nil
	}
	return err
}

// Open is Spool.Open, whose error for a disk that refuses writes is nil here.
// That the context ended while the disk was slow stays an error.
func (t Tolerant) Open(ctx context.Context, reservedAt time.Time, output int64, d policy.Draft) error {
	err := t.Spool.Open(ctx, reservedAt, output, d)
	if n := (*NotSaved)(nil); errors.As(err, &n) && ctx.Err() == nil {
		return nil
	}
	return err
}
