package config

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const masked = "***"

// json writes a value as JSON, variables filled in: what the services read.
func (r *reader) json(v value) []byte { return r.appendJSON(nil, v, r.resolved) }

// shown writes a value as JSON for people to see: as it was configured, with
// what is secret masked.
func (r *reader) shown(v value) []byte { return r.appendJSON(nil, v, r.asWritten) }

func (r *reader) appendJSON(b []byte, v value, leaf func(b []byte, v value) []byte) []byte {
	switch v.kind {
	case absent:
		return append(b, "null"...)
	case list:
		b = append(b, '[')
		for i, item := range v.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = r.appendJSON(b, item, leaf)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, f := range v.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(quote(b, f.name), ':')
			b = r.appendJSON(b, f.value, leaf)
		}
		return append(b, '}')
	}
	return leaf(b, v)
}

func quote(b []byte, text string) []byte {
	quoted, err := jsontext.AppendQuote(b, strings.ToValidUTF8(text, "\uFFFD"))
	if err != nil {
		return append(b, `""`...)
	}
	return quoted
}

// resolved writes a scalar by its kind; one that names a variable is text.
func (r *reader) resolved(b []byte, v value) []byte {
	if _, is := v.reference(); is {
		text, _ := r.text(v)
		if number := number(text); plain(number) {
			return append(b, number...)
		}
		return quote(b, text)
	}
	return written(b, v)
}

// written writes a scalar as it stands in the file.
func written(b []byte, v value) []byte {
	switch v.tag {
	case "!!null":
		return append(b, "null"...)
	case "!!bool":
		switch strings.ToLower(v.text) {
		case "true", "yes", "on":
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case "!!int", "!!float":
		if text := number(v.text); plain(text) && !octal(v.text) {
			return append(b, text...)
		}
	}
	return quote(b, v.text)
}

// plain reports whether text is a JSON number.
func plain(text string) bool {
	return len(text) <= 64 && jsontext.Value(text).Kind() == '0' && jsontext.Value(text).IsValid()
}

// asWritten writes a scalar, masked where it is or holds a secret. It is masked
// by its own name and by those above it, so that a list of keys is, too.
func (r *reader) asWritten(b []byte, v value) []byte {
	for p := v.at; p != nil; p = p.parent {
		if secretName(p.name) {
			return quote(b, masked)
		}
	}
	if strings.HasPrefix(v.text, "sk-") || strings.HasPrefix(v.text, "Bearer ") {
		return quote(b, masked)
	}
	for _, secret := range r.secrets {
		if strings.Contains(v.text, secret) {
			return quote(b, masked)
		}
	}
	return written(b, v)
}

// secretName reports whether what has this name is secret. Prices and limits of
// tokens are not.
func secretName(name string) bool {
	name = strings.ToLower(name)
	if strings.Contains(name, "cost") || strings.HasPrefix(name, "max_") || strings.HasSuffix(name, "_name") {
		return false
	}
	for _, part := range strings.FieldsFunc(name, func(c rune) bool { return c == '_' || c == '-' || c == '.' }) {
		switch part {
		case "key", "keys", "token", "secret", "password", "passwd", "auth", "authorization", "credential", "credentials", "private", "headers", "apikey", "cookie":
			return true
		}
	}
	return false
}
