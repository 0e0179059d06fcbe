package pricemap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// about is the entry that says where a map's figures are from. LiteLLM's maps
// have none; "sample_spec", which explains the fields, is left out likewise.
const (
	about  = "purser_about"
	sample = "sample_spec"
)

// Parse reads LiteLLM's price-map JSON.
func Parse(data []byte) (*Map, error) {
	m := &Map{entries: map[string]Entry{}, folded: map[string]string{}}
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	err := object(dec, func(name string) error {
		switch name {
		case about:
			return object(dec, func(field string) error {
				text, err := scalar(dec)
				switch field {
				case "source":
					m.source = text
				case "date":
					m.date = text
				}
				return err
			})
		case sample:
			return dec.SkipValue()
		}
		e, bad, err := readEntry(dec)
		if bad {
			m.skipped++
		}
		if err == nil {
			m.entries[name] = e
		}
		return err
	})
	if err == nil && len(bytes.TrimSpace(data[dec.InputOffset():])) > 0 {
		err = errors.New("text after the object")
	}
	if err != nil {
		return nil, fmt.Errorf("price map: %w", err)
	}
	for name := range m.entries {
		if lower := strings.ToLower(name); lower != name {
			m.folded[lower] = name
		}
	}
	m.addSized()
	return m, nil
}

// object reads an object and calls member at each value, which it must consume.
func object(dec *jsontext.Decoder, member func(name string) error) error {
	if dec.PeekKind() != '{' {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		return fmt.Errorf("%s: not an object", dec.StackPointer())
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// scalar reads a value and returns a string's content or a number's text; ""
// for every other.
func scalar(dec *jsontext.Decoder) (string, error) {
	switch dec.PeekKind() {
	case '"', '0':
		token, err := dec.ReadToken()
		if err != nil {
			return "", err
		}
		return token.String(), nil
	}
	return "", dec.SkipValue()
}

// readEntry reads one model. bad says that a figure was no price.
func readEntry(dec *jsontext.Decoder) (e Entry, bad bool, err error) {
	var r Rates
	var legacyMax int64
	err = object(dec, func(name string) error {
		switch {
		case name == fieldBands:
			ok, err := readBands(dec, &r)
			bad = bad || !ok
			return err
		case name == fieldSearch && dec.PeekKind() == '{':
			return object(dec, func(size string) error {
				text, err := scalar(dec)
				if size == searchMedium && text != "" {
					bad = !r.Set(fieldSearch, text) || bad
				}
				return err
			})
		}
		text, err := scalar(dec)
		switch {
		case err != nil || text == "":
			return err
		case name == "litellm_provider":
			e.Provider = text
		case name == "mode":
			e.Mode = text
		case name == "max_input_tokens":
			e.MaxInput = count(text)
		case name == "max_output_tokens":
			e.MaxOutput = count(text)
		case name == "max_tokens":
			legacyMax = count(text)
		case strings.HasPrefix(name, upliftPrefix):
			if e.Uplift == nil {
				e.Uplift = map[string]string{}
			}
			e.Uplift[name[len(upliftPrefix):]] = text
		default:
			bad = !r.Set(name, text) || bad
		}
		return nil
	})
	if e.MaxOutput == 0 {
		e.MaxOutput = legacyMax
	}
	e.Price = policy.Unpriced()
	if !bad {
		e.Price = r.Price(e.Provider, e.Mode)
	}
	return e, bad, err
}

const upliftPrefix = "regional_processing_uplift_multiplier_"

// Keep reports whether Parse uses a field of that name: what the embedded copy carries.
func Keep(name string) bool {
	switch name {
	case "litellm_provider", "mode", "max_input_tokens", "max_output_tokens", "max_tokens":
		return true
	}
	return IsPrice(name) || strings.HasPrefix(name, upliftPrefix)
}

// readBands reads tiered_pricing: [{"range": [from, to], "input_cost_per_token": …}].
func readBands(dec *jsontext.Decoder, r *Rates) (ok bool, err error) {
	if dec.PeekKind() != '[' {
		return dec.PeekKind() == 'n', dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return false, err
	}
	ok = true
	for dec.PeekKind() != ']' {
		var row Rates
		from := int64(-1)
		if err := object(dec, func(name string) error {
			if name == "range" && dec.PeekKind() == '[' {
				ends, err := numbers(dec)
				if len(ends) == 2 {
					from = count(ends[0])
				}
				return err
			}
			text, err := scalar(dec)
			ok = ok && (text == "" || row.Set(name, text))
			return err
		}); err != nil {
			return false, err
		}
		ok = ok && from >= 0 && row.Has(fieldInput)
		r.AddBand(from, row)
	}
	_, err = dec.ReadToken()
	return ok, err
}

func numbers(dec *jsontext.Decoder) ([]string, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var all []string
	for dec.PeekKind() != ']' {
		text, err := scalar(dec)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	_, err := dec.ReadToken()
	return all, err
}

// count reads a number of tokens, which may be written 256000.0 or 1e6; 0 for
// what is none.
func count(text string) int64 {
	// The same decimal reader as for money: exact, and safe from absurd exponents.
	n, err := policy.ParseMoney(text)
	if err != nil || n < 0 || n%policy.Dollar != 0 {
		return 0
	}
	return int64(n / policy.Dollar)
}

// addSized names the models that are only listed by quality and size
// ("azure/hd/1024-x-1792/dall-e-3") by themselves, at the dearest of these.
func (m *Map) addSized() {
	sized := map[string][]Entry{}
	for name, e := range m.entries {
		if model, ok := unsized(name); ok {
			if _, listed := m.entries[model]; !listed {
				sized[model] = append(sized[model], e)
			}
		}
	}
	for model, sizes := range sized {
		prices := make([]policy.Price, len(sizes))
		for i, e := range sizes {
			prices[i] = e.Price
		}
		e := sizes[0]
		e.Price = policy.Dearest(prices...)
		m.entries[model] = e
	}
}

// unsized cuts quality, size and steps out of a name.
func unsized(name string) (string, bool) {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if !isSize(part) {
			continue
		}
		from, to := i, i+1
		if from > 0 && strings.Contains(" low medium high standard hd ", " "+parts[from-1]+" ") {
			from--
		}
		if to < len(parts) && strings.HasSuffix(parts[to], "-steps") {
			to++
		}
		if to == len(parts) {
			return "", false
		}
		return strings.Join(append(parts[:from:from], parts[to:]...), "/"), true
	}
	return "", false
}

func isSize(text string) bool {
	width, height, ok := strings.Cut(text, "-x-")
	return ok && width != "" && height != "" && strings.Trim(width+height, "0123456789") == ""
}
