package pricemap

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/purser/purser/policy"
)

// Map is a price map: immutable once made, swapped whole.
type Map struct {
	entries map[string]Entry
	folded  map[string]string // lower-case name → name, for those that differ
	source  string
	date    string
	skipped int
}

// Entry is what the map says about a model.
type Entry struct {
	Price     policy.Price
	MaxInput  int64             // tokens; 0: not known
	MaxOutput int64             // tokens; 0: not known
	Mode      string            // "chat", "embedding", …; "": not said
	Provider  string            // litellm_provider; "": not said
	Uplift    map[string]string // data residency ("eu") → decimal factor of all rates; nil: none
}

// Lookup finds what a provider charges for a model, as LiteLLM does:
// "provider/model", then "model" where that entry is the provider's own, then
// the base of a fine-tuned or dated name. provider "" takes an entry of any.
func (m *Map) Lookup(provider, model string) (Entry, bool) {
	if provider != "" {
		model = strings.TrimPrefix(model, provider+"/")
	}
	for _, name := range variants(provider, model) {
		if provider != "" {
			if e, ok := m.find(provider + "/" + name); ok && belongs(e.Provider, provider) {
				return e, true
			}
		}
		if e, ok := m.find(name); ok && belongs(e.Provider, provider) {
			return e, true
		}
	}
	return Entry{}, false
}

func (m *Map) find(name string) (Entry, bool) {
	e, ok := m.entries[name]
	if !ok {
		lower := strings.ToLower(name)
		if e, ok = m.entries[lower]; !ok {
			e, ok = m.entries[m.folded[lower]]
		}
	}
	return e, ok
}

// variants lists a model's name and those that stand in for it.
func variants(provider, model string) []string {
	names := []string{model}
	switch {
	case strings.HasPrefix(model, "ft:") && strings.Count(model, ":") >= 4:
		// ft:gpt-4o-2024-08-06:organization:suffix:id, priced as ft:gpt-4o-2024-08-06
		parts := strings.SplitN(model, ":", 3)
		names = append(names, parts[0]+":"+parts[1])
	case provider == "gemini":
		// gemini-1.5-pro-002 is a frozen gemini-1.5-pro.
		if i := strings.LastIndexByte(model, '-'); i > 0 && i == len(model)-4 && strings.Trim(model[i+1:], "0123456789") == "" {
			names = append(names, model[:i])
		}
	}
	return names
}

// belongs reports whether an entry of one provider is good for another: names
// alone say little, since a bare "llama-3" means somebody else's price.
func belongs(entry, provider string) bool {
	switch {
	case provider == "", entry == "", entry == provider:
		return true
	case provider == "openai":
		return entry == "text-completion-openai"
	case provider == "cohere":
		return entry == "cohere_chat"
	case provider == "azure":
		return entry == "azure_text"
	case provider == "azure_ai":
		return entry == "azure" || entry == "openai"
	case provider == "fireworks_ai":
		return strings.HasPrefix(entry, "fireworks_ai")
	case provider == "codestral":
		return entry == "text-completion-codestral"
	case provider == "github":
		return true
	}
	return false
}

// Len is the number of models.
func (m *Map) Len() int { return len(m.entries) }

// Skipped is the number of models left unpriced because a figure was no price.
func (m *Map) Skipped() int { return m.skipped }

// Version says where the embedded figures are from and when they were taken;
// "" for a map that was read from elsewhere.
func (m *Map) Version() string {
	if m.source == "" {
		return ""
	}
	return m.source + " (" + m.date + ")"
}

// Names lists the entries in order.
func (m *Map) Names() []string { return slices.Sorted(maps.Keys(m.entries)) }

//go:embed default.json.gz
var embedded []byte

// Default is the embedded map. It is read on the first call.
func Default() *Map { return defaultMap() }

var defaultMap = sync.OnceValue(func() *Map {
	m, err := unpack(embedded)
	if err != nil {
		return &Map{} // cannot be: TestDefault reads it
	}
	return m
})

func unpack(packed []byte) (*Map, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("price map: %w", err)
	}
	data, err := io.ReadAll(zip)
	if err != nil {
		return nil, fmt.Errorf("price map: %w", err)
	}
	return Parse(data)
}
