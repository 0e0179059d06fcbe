package policy

import (
	"context"
	"time"
)

// Answer is what a creating call answered, kept so that the same call with the same
// Idempotency-Key answers it again. Its body can hold a new key, so it is sealed by
// what only the caller has.
type Answer struct {
	ID        KeyHash // of the caller and their Idempotency-Key
	Request   KeyHash // of what was asked
	Status    int
	Sealed    []byte
	ExpiresAt time.Time
}

// AnswerReader finds what was answered: ErrNotFound where nothing was, or it is over.
type AnswerReader interface {
	Answered(ctx context.Context, id KeyHash, now time.Time) (Answer, error)
}

// Once is what a Tx can do besides: keep an answer in the transaction of what it
// tells of, and run writes within this one.
type Once interface {
	AnswerReader
	// Answer keeps an answer; ErrConflict where there is one of the same id that is not over at now.
	Answer(ctx context.Context, a Answer, now time.Time) error
	// Within runs f as a part of this write: where f fails, what f changed is taken
	// back, and the write goes on.
	Within(ctx context.Context, f func(Tx) error) error
}
