package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/pricemap"
)

// Options is what Parse needs besides the text. The zero value reads no
// environment and no further files, and prices from the embedded map.
type Options struct {
	Env      func(name string) (string, bool)  // looks up os.environ/NAME; nil: nothing is set
	Prices   *pricemap.Map                     // nil: pricemap.Default
	ReadFile func(name string) ([]byte, error) // reads what include names; nil: an error
}

// Load reads a file and the files it includes, which stand beside it. Where env does not know a variable NAME but NAME_FILE,
// that is a file with its value: it belongs to the configuration's files, so that a credential in it can be changed like
// the rest. The error is an Errors where the file could be read but not be used.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	return LoadPriced(path, env, nil)
}

// LoadPriced is Load with another price map than the embedded one.
func LoadPriced(path string, env func(string) (string, bool), prices *pricemap.Map) (*Config, error) {
	data, first, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	files := []File{first}
	values := map[string]string{} // of variables that are files
	var unread error
	lookup := func(name string) (string, bool) {
		if env == nil {
			return "", false
		}
		if value, ok := env(name); ok || name == "CONFIG" {
			return value, ok
		}
		if value, ok := values[name]; ok {
			return value, true
		}
		held, ok := env(name + "_FILE")
		if !ok {
			return "", false
		}
		text, of, err := readFile(held)
		files = append(files, of)
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("%s_FILE: %w", name, err))
			return "", false
		}
		values[name] = strings.TrimRight(string(text), "\r\n")
		return values[name], true
	}
	c, err := Parse(data, Options{Env: lookup, Prices: prices, ReadFile: func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		data, of, err := readFile(name)
		files = append(files, of)
		return data, err
	}})
	if c != nil && c.stood != nil {
		c.stood.files = files
	}
	if unread != nil {
		return nil, errors.Join(unread, err)
	}
	return c, err
}

// File is a file that was read: its name, and what Stamp was before its first byte was.
type File struct{ Name, Stamp string }

// Stamp differs where a file was written, replaced or removed.
func Stamp(name string) string {
	info, err := os.Stat(name)
	return stamp(info, err)
}

func stamp(info fs.FileInfo, err error) string {
	if err != nil {
		return "absent"
	}
	return fmt.Sprintf("%d %d", info.ModTime().UnixNano(), info.Size())
}

// readFile reads a file, but not much more of it than Parse takes. The stamp is of what
// was opened: who replaces the file meanwhile makes it stale.
func readFile(path string) ([]byte, File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, File{path, stamp(nil, err)}, err
	}
	defer file.Close()
	of := File{path, stamp(file.Stat())}
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	return data, of, err
}

// Parse reads the text of a configuration. Its error is an Errors: everything
// that is wrong. A Config comes back with it only where there is no error.
func Parse(data []byte, opts Options) (*Config, error) {
	r := &reader{
		opts: opts, prices: opts.Prices, cfg: &Config{}, environ: map[string]string{},
		said: map[string]bool{}, counts: map[string]int{}, once: map[string]value{},
	}
	if r.prices == nil {
		r.prices = pricemap.Default()
	}
	r.file(data)
	if len(r.errs) > 0 {
		slices.SortStableFunc(r.errs, func(a, b *Error) int { return inFile(a.File, a.Line, b.File, b.Line) })
		if r.more > 0 {
			r.errs = append(r.errs, &Error{Message: fmt.Sprintf("and %d more errors", r.more)})
		}
		return nil, r.errs
	}
	for i, times := range r.times {
		if times > 1 {
			r.cfg.Warnings[i].Message += fmt.Sprintf(" (so have %d models)", times)
		}
	}
	slices.SortStableFunc(r.cfg.Warnings, func(a, b Warning) int { return inFile(a.File, a.Line, b.File, b.Line) })
	return r.cfg, nil
}

// inFile orders by file, the main one first, and line.
func inFile(fileA string, lineA int, fileB string, lineB int) int {
	return cmp.Or(strings.Compare(fileA, fileB), lineA-lineB)
}

// file reads the sections in the order in which they need each other.
func (r *reader) file(data []byte) {
	root, ok := parseYAML(data, "", r.report)
	if !ok {
		return
	}
	if root.kind == list {
		// Only models, as fragments of documentation have it.
		root = value{kind: object, at: root.at, fields: []field{{"model_list", root.moved(root.at, "model_list")}}}
	}
	if root.null() {
		root = value{kind: object, at: root.at}
	}
	if _, ok := r.object(root); !ok {
		return
	}
	root = r.include(root)
	r.environment(root.get("environment_variables"))
	section(r, topTable, r.cfg, root)
	r.masterKey()
	r.models(root.get("model_list"), root.get("credential_list"))
	r.adjustPrices()
	r.cfg.stood.adjust = r.adjust
	r.checkAliases(root)
}

// masterKey takes the variable that LiteLLM takes where the file names none.
func (r *reader) masterKey() {
	if _, given := r.once["master_key"]; given {
		return
	}
	if key, ok := r.lookup("LITELLM_MASTER_KEY"); ok {
		r.hide(key)
		r.cfg.MasterKey = policy.Secret(key)
	}
}

// environment reads environment_variables, in which one may name another.
func (r *reader) environment(v value) {
	if v.null() {
		return
	}
	fields, _ := r.object(v)
	for _, f := range fields {
		if f.value.null() {
			continue
		}
		if secret, ok := r.secret(f.value); ok {
			r.environ[f.name] = secret.Reveal()
			if r.cfg.Environment == nil {
				r.cfg.Environment = map[string]policy.Secret{}
			}
			r.cfg.Environment[f.name] = secret
		}
	}
}

// twice reports, once there is an error, that a setting stands in two places.
func (r *reader) twice(name string, v value) bool {
	first, given := r.once[name]
	if given {
		r.fail(v, "is set a second time; the first is %s", first.at.path())
		return true
	}
	r.once[name] = v
	return false
}
