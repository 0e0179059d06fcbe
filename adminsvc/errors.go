package adminsvc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	json "github.com/go-json-experiment/json"

	"github.com/purser/purser/policy"
)

// Error is an answer other than success. Every handler returns one, or an error
// of policy's; reply (below) is the only place that turns either into bytes.
//
// Its three bodies are LiteLLM's: {"error":{message,type,param,code}} where Type
// is set, {"detail":…} where Detail is; with both set it is both, so that whoever
// reads one envelope everywhere finds it.
type Error struct {
	Status  int
	Type    string
	Param   string // the field at fault; "" is null
	Message string
	Detail  any
	Header  http.Header

	cause error // logged, never shown
}

func (e *Error) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("%d: %v", e.Status, e.Detail)
	}
	return strconv.Itoa(e.Status) + " " + e.Type + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.cause }

func (e *Error) body() any {
	var out Object
	if e.Detail != nil {
		out = Object{{"detail", e.Detail}}
		if e.Type == "" {
			return out
		}
	}
	var param any
	if e.Param != "" {
		param = e.Param
	}
	return append(out, Member{"error", Object{
		{"message", e.Message}, {"type", e.Type}, {"param", param}, {"code", strconv.Itoa(e.Status)},
	}})
}

// badRequest says what is wrong with a field: 400.
func badRequest(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: "bad_request_error", Param: param, Message: fmt.Sprintf(format, args...)}
}

// notFound says what is not there: 404.
func notFound(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusNotFound, Type: "not_found_error", Param: param, Message: fmt.Sprintf(format, args...)}
}

// forbidden says what the caller may not do: 403.
func forbidden(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusForbidden, Type: "auth_error", Param: param, Message: fmt.Sprintf(format, args...)}
}

// unauthorized refuses a credential: 401. LiteLLM writes the word None for an absent param here.
func unauthorized(typ, format string, args ...any) *Error {
	return &Error{Status: http.StatusUnauthorized, Type: typ, Param: "None", Message: fmt.Sprintf(format, args...)}
}

// detail is an answer in the raw-HTTP style: {"detail": d}.
func detail(status int, d any) *Error { return &Error{Status: status, Detail: d} }

// detailError is detail with the {"error": text} that LiteLLM's older handlers answer
// with, and the envelope beside it.
func detailError(status int, format string, args ...any) *Error {
	e := detail(status, nil)
	e.Message, e.Type = fmt.Sprintf(format, args...), "bad_request_error"
	switch status {
	case http.StatusUnauthorized:
		e.Type = "auth_error"
	case http.StatusNotFound:
		e.Type = "not_found_error"
	case http.StatusNotImplemented:
		e.Type = "not_supported"
	}
	e.Detail = Object{{"error", e.Message}}
	return e
}

// asError maps any error to an answer: the one table of this edge.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var inv *policy.Invalid
	if errors.As(err, &inv) {
		return badRequest(inv.Field, "%s", inv.Message)
	}
	var refusal *policy.Refusal
	if errors.As(err, &refusal) {
		return refused(refusal)
	}
	e = &Error{cause: err}
	switch {
	case errors.Is(err, policy.ErrNotFound):
		e.Status, e.Type, e.Message = http.StatusNotFound, "not_found_error", "Not found"
	case errors.Is(err, policy.ErrConflict):
		e.Status, e.Type, e.Message = http.StatusBadRequest, "bad_request_error", "Something of this name or id exists already"
	case errors.Is(err, policy.ErrInUse):
		e.Status, e.Type, e.Message = http.StatusBadRequest, "bad_request_error", "It is still in use"
	case errors.Is(err, policy.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e.Status, e.Type, e.Param, e.Message = http.StatusServiceUnavailable, "no_db_connection", "None", "The database cannot be reached. Try again later."
		if errors.Is(err, context.DeadlineExceeded) {
			e.Message = "The database did not answer in time. Try again; if it is well, ask for fewer days or rows."
		}
	default:
		e.Status, e.Type, e.Message = http.StatusInternalServerError, "internal_server_error", "Internal server error"
	}
	return e
}

// refused maps the refusals a credential can meet on this plane.
func refused(r *policy.Refusal) *Error {
	switch r.Code {
	case policy.CodeRouteDenied, policy.CodeIPDenied:
		return &Error{Status: http.StatusForbidden, Type: "auth_error", Param: "None", Message: r.Message}
	case policy.CodeExpiredKey:
		e := unauthorized("expired_key", "%s", r.Message)
		if r.Param != "" {
			e.Param = r.Param
		}
		return e
	}
	return unauthorized("auth_error", "%s", r.Message)
}

// write sends a JSON body. It marshals first, so that what cannot be sent is a 500.
func write(w http.ResponseWriter, status int, body any) error {
	b, ready := body.(rawJSON)
	var err error
	if !ready {
		b, err = json.Marshal(body)
	}
	if err != nil {
		status = http.StatusInternalServerError
		b = []byte(`{"error":{"message":"Internal server error","type":"internal_server_error","param":null,"code":"500"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client left: nobody to tell
	return err
}

func writeError(w http.ResponseWriter, e *Error) {
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	_ = write(w, e.Status, e.body())
}
