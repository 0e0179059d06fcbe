package adminsvc

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// idempotencyHeader makes a creating call safe to repeat: whoever has not heard the
// answer sends the same again, with the same value, and hears it.
const idempotencyHeader = "Idempotency-Key"

const (
	answersLife       = 24 * time.Hour
	mostIdempotencyID = 255
)

func creating(op operation) operation     { op.Creates = true; return op }
func creatingLate(op operation) operation { op.Creates, op.Late = true, true; return op }

// onceCall is a creating call that has an Idempotency-Key.
type onceCall struct {
	s      *server
	c      *Caller
	op     operation
	answer policy.Answer // but for what is answered
	secret []byte        // what its answer is sealed by: the credential and the header, of which only hashes are kept
}

type onceKey struct{}

var errAnswered = errors.New("this call was answered before")

// once answers as the same call was answered before, or carries it out, so that what it
// changes and what it answers are kept in one transaction or not at all. Errors are
// not kept: they changed nothing, and the next attempt may do better.
func (s *server) once(ctx context.Context, c *Caller, r *http.Request, op operation, in any, h func(context.Context) (any, error)) (any, error) {
	key := r.Header.Get(idempotencyHeader)
	if key == "" || len(key) > mostIdempotencyID || len(r.Header.Values(idempotencyHeader)) > 1 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, badRequest(idempotencyHeader, "%s is one value of at most %d printable characters", idempotencyHeader, mostIdempotencyID)
	}
	if s.Answers == nil {
		return nil, badRequest(idempotencyHeader, "%s is not supported here: there is no database to keep answers in", idempotencyHeader)
	}
	o := &onceCall{s: s, c: c, op: op}
	who, secret := "key", credential(r.Header)
	if c.Session != nil { // it may be another session of the same user by then
		who, secret = "user "+c.Session.UserID, sessionToken(r)
		o.answer.ID = policy.HashKey("idempotency\x00" + who + "\x00" + key)
	} else {
		o.answer.ID = policy.HashKey("idempotency\x00" + who + "\x00" + policy.HashKey(secret).String() + "\x00" + key)
	}
	o.secret = []byte(secret + "\x00" + key)
	asked := r.Method + "\x00" + r.URL.EscapedPath() + "\x00" + r.URL.RawQuery + "\x00"
	if b, ok := in.(interface{ body() Fields }); ok {
		asked += string(b.body().Stored())
	}
	o.answer.Request = policy.HashKey(asked)

	if reply, err := o.before(ctx, s.Answers); reply != nil || err != nil {
		return reply, err
	}
	if !op.Late {
		return o.run(ctx, h)
	}
	reply, err := h(context.WithValue(ctx, onceKey{}, o))
	if err != nil {
		// The same call beside this one may have been first: what it changed is then in this one's way.
		if reply, err := o.before(ctx, s.Answers); reply != nil || err != nil {
			return reply, err
		}
	}
	return reply, err
}

// onceHere runs what a call writes and answers as one write, where the call asks for it.
func onceHere(ctx context.Context, f func(context.Context) (any, error)) (any, error) {
	if o, ok := ctx.Value(onceKey{}).(*onceCall); ok {
		return o.run(ctx, f)
	}
	return f(ctx)
}

// before is what the same call was answered before; nil where it was not.
func (o *onceCall) before(ctx context.Context, r policy.AnswerReader) (any, error) {
	a, err := r.Answered(ctx, o.answer.ID, o.s.now())
	if errors.Is(err, policy.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if a.Request != o.answer.Request {
		return nil, &Error{Status: http.StatusUnprocessableEntity, Type: "bad_request_error", Param: idempotencyHeader,
			Message: "This " + idempotencyHeader + " was used for another request: a new request needs a new one"}
	}
	box, err := o.box()
	if err != nil {
		return nil, err
	}
	body, err := box.Open(nil, nil, a.Sealed, o.answer.ID[:])
	if err != nil { // of an earlier session
		return nil, &Error{Status: http.StatusConflict, Type: "bad_request_error", Param: idempotencyHeader,
			Message: "This request was carried out already, and only the session that sent it may read its answer again"}
	}
	reply := &answered{status: a.Status, header: http.Header{"Idempotent-Replayed": {"true"}}}
	if len(body) > 0 {
		reply.body = jsontext.Value(body)
	}
	return reply, nil
}

// run carries the call out within one write, and keeps its answer there.
func (o *onceCall) run(ctx context.Context, h func(context.Context) (any, error)) (reply any, err error) {
	var b *bound
	err = o.s.Store.Write(ctx, o.c.Actor, func(tx policy.Tx) error {
		memory, ok := tx.(policy.Once)
		if !ok {
			return badRequest(idempotencyHeader, "%s is not supported here", idempotencyHeader)
		}
		// Another call may have been first while this one waited for its turn.
		if reply, err = o.before(ctx, memory); reply != nil || err != nil {
			return errors.Join(errAnswered, err)
		}
		b = &bound{tx: tx}
		if reply, err = h(context.WithValue(ctx, boundKey{}, b)); err != nil {
			return err
		}
		a := o.answer
		if reply, a.Status, a.Sealed, err = o.seal(reply); err != nil {
			return err
		}
		a.ExpiresAt = o.s.now().Add(answersLife)
		return memory.Answer(ctx, a, o.s.now())
	})
	if errors.Is(err, errAnswered) && reply != nil {
		return reply, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range b.after {
		f(ctx)
	}
	return reply, nil
}

// seal makes of a reply the bytes that are sent now and again later.
func (o *onceCall) seal(reply any) (any, int, []byte, error) {
	a, ok := reply.(*answered)
	if !ok {
		a = &answered{body: reply}
	}
	status := cmp.Or(a.status, o.op.Status)
	var text []byte
	var err error
	if a.body != nil {
		if text, err = json.Marshal(a.body); err != nil {
			return nil, 0, nil, err
		}
		a = &answered{header: a.header, status: status, body: jsontext.Value(text)}
	}
	box, err := o.box()
	if err != nil {
		return nil, 0, nil, err
	}
	return a, status, box.Seal(nil, nil, text, o.answer.ID[:]), nil
}

func (o *onceCall) box() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, o.secret, o.answer.ID[:], "purser answers v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
