package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/purser/purser/policy/pricemap"
)

// Options is what Parse needs besides the text. The zero value reads no
// environment and no further files, and prices from the embedded map.
type Options struct {
	Env      func(name string) (string, bool)  // looks up os.environ/NAME; nil: nothing is set
	Prices   *pricemap.Map                     // nil: pricemap.Default
	ReadFile func(name string) ([]byte, error) // reads what include names, relative to the file; nil: includes are an error
}

// Load reads a file and what it includes. Its error is an Errors when the file
// could be read but says something wrong.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(data, Options{Env: env})
}

// Parse reads the text of a configuration.
func Parse(data []byte, opts Options) (*Config, error) { return &Config{}, nil }

// Error is one thing wrong in a configuration.
type Error struct {
	Path    string // "model_list[2].litellm_params.api_base"
	Line    int    // from 1; 0: not known
	File    string // of an included file; "": the main one
	Message string // never holds a value of the file
}

func (e *Error) Error() string {
	if e.Path == "" {
		return position(e.File, e.Line) + e.Message
	}
	return position(e.File, e.Line) + e.Path + ": " + e.Message
}

// Errors is everything wrong in a configuration, in the order of the file.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func position(file string, line int) string {
	switch {
	case file != "" && line > 0:
		return fmt.Sprintf("%s line %d: ", file, line)
	case file != "":
		return file + ": "
	case line > 0:
		return fmt.Sprintf("line %d: ", line)
	}
	return ""
}
