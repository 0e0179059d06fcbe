package boot

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Env reads a configuration struct from the environment. NAME_FILE stands for a
// NAME whose value is in that file, without its final newline.
func Env[T any]() (T, error) {
	vars := env.ToMap(os.Environ())
	for name, path := range vars {
		plain, ok := strings.CutSuffix(name, "_FILE")
		if _, set := vars[plain]; !ok || set || plain == "CONFIG" {
			continue
		}
		if !isField[T](plain) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			var none T
			return none, fmt.Errorf("%s: %w", name, err)
		}
		vars[plain] = strings.TrimRight(string(text), "\r\n")
	}
	cfg, err := env.ParseAsWithOptions[T](env.Options{Environment: vars})
	return cfg, named[T](err)
}

// named says which variable could not be read, where the library names a field.
func named[T any](err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	out := make([]error, len(all.Errors))
	for i, e := range all.Errors {
		out[i] = e
		var p env.ParseError
		if !errors.As(e, &p) {
			continue
		}
		if f, ok := reflect.TypeFor[T]().FieldByName(p.Name); ok {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			out[i] = fmt.Errorf("%s: %w", name, p.Err)
		}
	}
	return errors.Join(out...)
}

// isField reports whether T reads a variable.
func isField[T any](name string) bool {
	var t T
	params, err := env.GetFieldParams(&t)
	if err != nil {
		return false
	}
	for _, p := range params {
		if p.Key == name {
			return true
		}
	}
	return false
}
