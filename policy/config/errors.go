package config

import (
	"fmt"
	"strings"
)

// Error is one thing wrong in a configuration.
type Error struct {
	Path    string // "model_list[2].litellm_params.api_base"
	Line    int    // from 1; 0: not known
	File    string // of an included file; "": the main one
	Message string // holds no value of the file, as it could be a secret in the wrong place
}

func (e *Error) Error() string { return position(e.File, e.Line) + after(e.Path) + e.Message }

// Errors is everything wrong in a configuration, in the order of the file.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Warning is something that has no effect, or not the one it has in LiteLLM.
type Warning struct {
	Path    string // "litellm_settings.drop_params"
	Line    int    // from 1; 0: not known
	File    string // of an included file; "": the main one
	Message string // holds no value of the file
}

func (w Warning) String() string { return position(w.File, w.Line) + after(w.Path) + w.Message }

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

func after(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}
