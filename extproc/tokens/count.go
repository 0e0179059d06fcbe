package tokens

import (
	"cmp"
	"sync"

	"github.com/tiktoken-go/tokenizer"
)

// Default is the encoding that is meant where none is named.
const Default = "o200k_base"

type once = func() (tokenizer.Codec, error)

func load(name tokenizer.Encoding) once {
	return sync.OnceValues(func() (tokenizer.Codec, error) { return tokenizer.Get(name) })
}

var codecs = map[string]once{
	"o200k_base":  load(tokenizer.O200kBase),
	"cl100k_base": load(tokenizer.Cl100kBase),
	"p50k_base":   load(tokenizer.P50kBase),
	"r50k_base":   load(tokenizer.R50kBase),
}

// Known reports whether an encoding is built in; "" is Default.
func Known(encoding string) bool {
	_, ok := codecs[cmp.Or(encoding, Default)]
	return ok
}

// Warm loads an encoding (some 40 ms and 6 MB), so that no request waits for it.
func Warm(encoding string) error {
	get, ok := codecs[cmp.Or(encoding, Default)]
	if !ok {
		get = codecs[Default]
	}
	_, err := get()
	return err
}

// Count is the exact number of tokens of a text. An encoding that is not known
// counts as Default.
func Count(encoding, text string) int64 {
	if text == "" {
		return 0
	}
	get, ok := codecs[cmp.Or(encoding, Default)]
	if !ok {
		get = codecs[Default]
	}
	codec, err := get()
	if err != nil {
		return Estimate(encoding, []byte(text))
	}
	n, err := codec.Count(text)
	if err != nil {
		return Estimate(encoding, []byte(text))
	}
	return int64(n)
}
