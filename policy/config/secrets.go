package config

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Masked is what stands for a secret where people may look.
const Masked = masked

// MapSecrets returns a JSON object of litellm_params with every secret in it
// replaced by what f makes of it. References to variables are no secrets. An error
// is f's, or says that it is no JSON object; it holds nothing of the text.
func MapSecrets(params []byte, f func(path, text string) (string, error)) ([]byte, error) {
	root, err := parseJSON(params, &place{})
	if err != nil || root.kind != object {
		return nil, errJSON
	}
	var failed error
	out := new(reader).appendJSON(nil, root, func(b []byte, v value) []byte {
		if _, is := v.reference(); is || v.null() || v.tag == "!!bool" || !isSecret(v) {
			return jsonScalar(b, v)
		}
		text, err := f(v.at.path(), v.text)
		if err != nil && failed == nil {
			failed = err
		}
		return quote(b, text)
	})
	return out, failed
}

// isSecret reports whether a scalar is secret by its name, by one above it, or by
// how it looks.
func isSecret(v value) bool {
	for p := v.at; p != nil; p = p.parent {
		if secretName(p.name) {
			return true
		}
	}
	return strings.HasPrefix(v.text, "sk-") || strings.HasPrefix(v.text, "Bearer ")
}

// jsonScalar writes a scalar that was JSON as it was.
func jsonScalar(b []byte, v value) []byte {
	if v.tag == "!!str" {
		return quote(b, v.text)
	}
	return append(b, jsontext.Value(v.text)...)
}
