package adminsvc

import (
	"bytes"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// calculatedTexts are the texts of chat messages, and the tokens a conversation
// has besides: 3 per message, 1 per name, 3 for the reply.
type calculatedTexts struct {
	texts    []string
	overhead int64
}

func (m *calculatedTexts) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	*m = calculatedTexts{overhead: 3}
	d.items(at, v, func(at location, v jsontext.Value) {
		m.overhead += 3
		d.members(at, v, func(_ location, name string, v jsontext.Value) jsontext.Value {
			if name == "name" {
				m.overhead++
			}
			m.gather(v)
			return nil
		})
	})
	return nil
}

// gather takes the texts of a message's field: a text, or parts that have one.
func (m *calculatedTexts) gather(v jsontext.Value) {
	switch v.Kind() {
	case '"':
		m.texts = append(m.texts, unquote(v))
	case '[':
		dec := jsontext.NewDecoder(bytes.NewReader(v))
		_, _ = dec.ReadToken()
		for dec.PeekKind() != ']' {
			part, err := dec.ReadValue()
			if err != nil {
				return // unreachable: the whole was validated
			}
			if text, ok := storedFields(part).Get("text"); ok && text.Kind() == '"' {
				m.texts = append(m.texts, unquote(text))
			}
		}
	}
}

func (*calculatedTexts) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}
}

func (*reportParts) schema() *huma.Schema { return &huma.Schema{Type: huma.TypeObject} }

func (*cacheParts) schema() *huma.Schema { return &huma.Schema{Type: huma.TypeObject} }
