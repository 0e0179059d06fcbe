package adminsvc

import (
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// maxID bounds ids and aliases, in bytes.
const maxID = 256

// validID refuses ids that no log, path or header could carry.
func validID(field, id string) error {
	if len(id) > maxID {
		return badRequest(field, "%s is longer than %d bytes", field, maxID)
	}
	for _, r := range id {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return badRequest(field, "%s contains a control character", field)
		}
	}
	return nil
}

// blankIDs drops ids sent as "": on creation that is the same as not sending them.
func blankIDs(sent Fields, names ...string) Fields {
	var blank []string
	for _, n := range names {
		if v, ok := sent.Get(n); ok && string(v) == `""` {
			blank = append(blank, n)
		}
	}
	return sent.Without(blank...)
}

var null = jsontext.Value("null")
