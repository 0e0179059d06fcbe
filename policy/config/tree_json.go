package config

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// errJSON says no more: the text may hold a secret.
var errJSON = errors.New("is no valid JSON object")

// parseJSON turns one JSON document into values, as parseYAML does with a file.
func parseJSON(data []byte, at *place) (value, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	left := maxValues
	v, err := jsonValue(d, at, 0, &left)
	if err != nil {
		return value{}, errJSON
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return value{}, errJSON
	}
	return v, nil
}

func jsonValue(d *jsontext.Decoder, at *place, depth int, left *int) (value, error) {
	if *left--; *left < 0 || depth > maxDepth {
		return value{}, errJSON
	}
	t, err := d.ReadToken()
	if err != nil {
		return value{}, err
	}
	v := value{kind: scalar, at: at}
	switch t.Kind() {
	case 'n':
		v.tag, v.text = "!!null", "null"
	case 't', 'f':
		v.tag, v.text = "!!bool", t.String()
	case '"':
		v.tag, v.text = "!!str", t.String()
	case '0':
		v.tag, v.text = "!!float", t.String()
	case '[':
		v.kind = list
		for i := 0; d.PeekKind() != ']'; i++ {
			item, err := jsonValue(d, &place{parent: at, index: i}, depth+1, left)
			if err != nil {
				return value{}, err
			}
			v.items = append(v.items, item)
		}
		_, err = d.ReadToken()
	case '{':
		v.kind = object
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return value{}, err
			}
			text := name.String() // before the next read invalidates the token
			member, err := jsonValue(d, &place{parent: at, name: text}, depth+1, left)
			if err != nil {
				return value{}, err
			}
			v.fields = append(v.fields, field{text, member})
		}
		_, err = d.ReadToken()
	}
	return v, err
}
