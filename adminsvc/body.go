package adminsvc

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

func readBody(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Type: "bad_request_error", Message: "The request's body is larger than 16 MiB"}
	}
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Type: "invalid_request_error", Param: "request_body", Message: "The request's body could not be read", cause: err}
	}
	return data, nil
}

// formToJSON puts a JSON object of texts in the place of a form.
func formToJSON(r *http.Request) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/x-www-form-urlencoded" {
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxForm))
	values, parseErr := url.ParseQuery(string(data))
	if err != nil || parseErr != nil {
		r.Body = io.NopCloser(strings.NewReader("[]")) // told as what it is: no object
		return
	}
	var f Fields
	for _, name := range sortedNames(values) {
		f = append(f, Field{strings.ToValidUTF8(name, "\uFFFD"), quote(strings.ToValidUTF8(values.Get(name), "\uFFFD"))})
	}
	r.Body = io.NopCloser(bytes.NewReader(f.Stored()))
}

// maxForm bounds a form, which holds a name and a password.
const maxForm = 64 << 10

func parseBody(data []byte) (Fields, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Status: http.StatusUnprocessableEntity, Detail: []any{Object{{"type", "missing"}, {"loc", []any{"body"}}, {"msg", "Field required"}}}}
	}
	fields, err := parseFields(data)
	switch {
	case errors.Is(err, errNotObject):
		return nil, &Error{Status: http.StatusUnprocessableEntity, Detail: []any{
			Object{{"type", "model_attributes_type"}, {"loc", []any{"body"}}, {"msg", "Input should be a valid dictionary or object to extract fields from"}}}}
	case err != nil:
		e := &Error{Status: http.StatusBadRequest, Type: "invalid_request_error", Param: "request_body", Message: "Invalid JSON payload: " + jsonMessage(err)}
		var syntax *jsontext.SyntacticError
		if errors.As(err, &syntax) && syntax.JSONPointer != "" {
			e.Param = dotted(syntax.JSONPointer)
		}
		return nil, e
	}
	if name, found := zeroByte(data); found {
		return nil, &Error{Status: http.StatusBadRequest, Type: "invalid_request_error", Param: name, Message: "Invalid JSON payload: a text or name holds the character U+0000"}
	}
	return fields, nil
}

// zeroByte finds the character U+0000 in a text of valid JSON, and the field it is
// in. PostgreSQL cannot look into documents that hold one.
func zeroByte(data []byte) (field string, found bool) {
	if !bytes.Contains(data, []byte(`\u0000`)) {
		return "", false
	}
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		t, err := d.ReadToken()
		if err != nil {
			return "", false
		}
		if t.Kind() == '"' && strings.ContainsRune(t.String(), 0) {
			return dotted(d.StackPointer()), true
		}
	}
}

// dotted is a JSON pointer as params are written: metadata.tags.0.
func dotted(p jsontext.Pointer) string {
	var parts []string
	for name := range p.Tokens() {
		parts = append(parts, strings.ReplaceAll(name, "\x00", ""))
	}
	return strings.Join(parts, ".")
}

// jsonMessage says what is wrong with JSON without quoting values: one may be a secret.
func jsonMessage(err error) string {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return "it ends before it is complete"
	}
	at := " at byte " + strconv.FormatInt(syntax.ByteOffset, 10)
	if syntax.JSONPointer != "" {
		at += ", at " + string(syntax.JSONPointer)
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "a name appears twice" + at
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends before it is complete" + at
	}
	return "syntax error" + at
}
