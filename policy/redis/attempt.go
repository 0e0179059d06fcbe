package redis

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// A call whose answer was lost may still be on its way: in a buffer of ours, a proxy's
// or Redis's. One that reserves must not be carried out after its caller was told
// something else, so go-redis never sends it again by itself. Each attempt has a
// number; a further one says from which on they are of the same call, answers with
// what an earlier one was granted, and voids those that have yet to arrive.

// attempts is how often a call is sent, as go-redis does by itself.
const attempts = 4

// backoff is before the second attempt, and doubles.
const backoff = 8 * time.Millisecond

// number of the next attempt: higher than all before it in this process, and unlike
// those of others.
func (l *Ledger) number() int64 { return l.tries.Add(1) }

// firstNumber leaves room for 2^51 more below 2^53, up to which a script counts exactly.
func firstNumber() int64 { return rand.Int64N(1 << 51) }

// once is a command that go-redis sends once.
type once struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (once) NoRetry() bool { return true }

// run runs a script whose command is made already (its keys are from 3 on), and makes
// the script known where it is not: that it was unknown is an answer. With repeat
// go-redis sends it again where an answer is lost.
func run(ctx context.Context, client redis.UniversalClient, s *redis.Script, text string, args []any, repeat bool) *redis.Cmd {
	args[0], args[1] = "evalsha", s.Hash()
	for {
		cmd := redis.NewCmd(ctx, args...)
		cmd.SetFirstKeyPos(3)
		var err error
		if repeat {
			err = client.Process(ctx, cmd)
		} else {
			err = client.Process(ctx, once{cmd})
		}
		if args[0] != "evalsha" || !redis.HasErrorPrefix(err, "NOSCRIPT") {
			return cmd
		}
		args[0], args[1] = "eval", text
	}
}

// reserve sends what is to be reserved until there is an answer. first and try are
// the places of the attempts' numbers in args.
func (l *Ledger) reserve(ctx context.Context, args []any, first, try int) ([]any, error) {
	n := l.number()
	args[first], args[try] = strconv.FormatInt(n, 10), strconv.FormatInt(n, 10)
	for left, wait := attempts-1, backoff; ; left, wait = left-1, 2*wait {
		reply, err := run(ctx, l.client, reserveScript, reserveText, args, false).Slice()
		run, again := mayHaveRun(err)
		if err == nil || !again || left == 0 {
			return reply, err
		}
		if run {
			args[try] = strconv.FormatInt(l.number(), 10)
		}
		pause := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, err
		case <-pause.C:
		}
	}
}

// mayHaveRun reports whether a call that failed may be carried out all the same, now
// or later, and whether to send it again.
func mayHaveRun(err error) (run, again bool) {
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return false, true
	}
	if answer := redis.Error(nil); errors.As(err, &answer) {
		for _, now := range []string{"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "max number of clients"} {
			if redis.HasErrorPrefix(err, now) {
				return false, true
			}
		}
		return false, false // an answer that will not change
	}
	if errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) {
		return false, true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, redis.ErrClosed) {
		return true, false
	}
	network := net.Error(nil)
	return true, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}
