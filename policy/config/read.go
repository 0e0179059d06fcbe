package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/pricemap"
)

// reader carries what is needed while a configuration is read. Its methods
// note an error and go on, so that all of them can be shown together; none of
// these holds a value of the file, which could be a secret in the wrong place.
type reader struct {
	opts    Options
	prices  *pricemap.Map
	cfg     *Config
	errs    Errors
	environ map[string]string // environment_variables
	said    map[string]bool   // errors, by text
	counts  map[string]int    // warnings about models, by setting → index in cfg.Warnings
	times   []int             // beside cfg.Warnings: how often
	secrets []string          // values that no message and no copy may hold
	once    map[string]value  // settings that may stand in two places, and must in one
	redis   redisParts
	adjust  adjustment
	more    int  // errors beyond maxErrors
	keyless bool // credentials are not at hand, and not needed
}

// Bounds of what is said: a file that is no configuration at all could else be
// answered with more text than it has.
const (
	maxErrors   = 100
	maxWarnings = 1000
)

func (r *reader) fail(v value, format string, args ...any) {
	at := v.at
	if at == nil {
		at = &place{}
	}
	r.report(at, fmt.Sprintf(format, args...))
}

func (r *reader) report(at *place, message string) {
	if len(r.errs) >= maxErrors {
		r.more++
		return
	}
	e := &Error{Path: at.path(), Line: at.line, File: at.file, Message: message}
	if text := e.Error(); !r.said[text] {
		r.said[text] = true
		r.errs = append(r.errs, e)
	}
}

func (r *reader) warn(v value, format string, args ...any) {
	if len(r.cfg.Warnings) >= maxWarnings {
		return
	}
	r.cfg.Warnings = append(r.cfg.Warnings, Warning{Path: v.at.path(), Line: v.at.line, File: v.at.file, Message: fmt.Sprintf(format, args...)})
	r.times = append(r.times, 1)
}

// warnOnce warns of a setting of models once, however many have it.
func (r *reader) warnOnce(v value, setting, message string) {
	if i, said := r.counts[setting]; said {
		r.times[i]++
		return
	}
	if len(r.cfg.Warnings) >= maxWarnings {
		return
	}
	r.counts[setting] = len(r.cfg.Warnings)
	r.warn(v, "%s", message)
}

const environPrefix = "os.environ/"

// reference is the variable that a value stands for.
func (v value) reference() (string, bool) {
	if v.kind != scalar || !strings.HasPrefix(v.text, environPrefix) {
		return "", false
	}
	return v.text[len(environPrefix):], true
}

// lookup reads a variable: environment_variables first, as LiteLLM puts them
// over those of the process.
func (r *reader) lookup(name string) (string, bool) {
	if text, ok := r.environ[name]; ok {
		return text, true
	}
	if r.opts.Env == nil {
		return "", false
	}
	return r.opts.Env(name)
}

// scalar resolves a value to its text. set is false where it names a variable
// that is not set; ok where it is no scalar, which has been said.
func (r *reader) scalar(v value) (text string, set, ok bool) {
	if v.kind != scalar {
		r.fail(v, "must be text or a number, not %s", v.what())
		return "", false, false
	}
	if name, is := v.reference(); is {
		text, set := r.lookup(name)
		return text, set, true
	}
	return v.text, true, true
}

// text reads text that must be there.
func (r *reader) text(v value) (string, bool) {
	text, set, ok := r.scalar(v)
	if ok && !set {
		name, _ := v.reference()
		r.fail(v, "the environment variable %s is not set", printable(name))
	}
	return text, ok && set
}

// optional reads text; "" where it names a variable that is not set.
func (r *reader) optional(v value) string {
	text, _, _ := r.scalar(v)
	return text
}

// secret reads text that is never shown.
func (r *reader) secret(v value) (policy.Secret, bool) {
	text, ok := r.text(v)
	r.hide(text)
	return policy.Secret(text), ok
}

// hide notes a value that must not appear in any copy of the configuration.
func (r *reader) hide(text string) {
	if len(text) >= 8 { // shorter ones are words, and would mask half of the file
		r.secrets = append(r.secrets, text)
	}
}

// flag reads true or false, in any of YAML's spellings.
func (r *reader) flag(v value) (bool, bool) {
	text, ok := r.text(v)
	if !ok {
		return false, false
	}
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	r.fail(v, "must be true or false")
	return false, false
}

// number is a decimal as JSON writes it, out of what YAML allows: 1_000, +5, .5, 5.
func number(text string) string {
	text = strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(text), "_", ""), "+")
	if strings.HasPrefix(text, ".") {
		text = "0" + text
	}
	if i := strings.IndexAny(text, "eE"); i > 0 && text[i-1] == '.' {
		text = text[:i-1] + text[i:]
	}
	return strings.TrimSuffix(text, ".")
}

// money reads an amount of dollars that is not negative.
func (r *reader) money(v value) (policy.Money, bool) {
	text, ok := r.text(v)
	if !ok {
		return 0, false
	}
	if v.tag == "!!bool" {
		r.fail(v, "must be an amount in dollars")
		return 0, false
	}
	m, err := policy.ParseMoney(number(text))
	switch {
	case err != nil:
		r.fail(v, "must be an amount in dollars: a finite number such as 0.25")
	case m < 0:
		r.fail(v, "must not be negative")
	}
	return m, err == nil && m >= 0
}

// decimal reads a number that is not negative, in thousandths; finer ones are
// refused.
func (r *reader) decimal(v value) (int64, bool) {
	text, ok := r.text(v)
	if !ok {
		return 0, false
	}
	const milli = policy.Dollar / 1000
	n, err := policy.ParseMoney(number(text)) // exact, and safe from absurd exponents
	switch {
	case err != nil || v.tag == "!!bool" || octal(text):
		r.fail(v, "must be a number")
	case n < 0:
		r.fail(v, "must not be negative")
	case n%milli != 0:
		r.fail(v, "must not have more than three decimals")
	default:
		return int64(n / milli), true
	}
	return 0, false
}

// octal reports whether YAML reads digits as base eight, and everybody else as base ten.
func octal(text string) bool {
	return len(text) > 1 && text[0] == '0' && strings.Trim(text, "0123456789_") == ""
}

// whole reads a whole number of at least least.
func (r *reader) whole(v value, least int64) (int64, bool) {
	n, ok := r.decimal(v)
	switch {
	case !ok:
		return 0, false
	case n%1000 != 0:
		r.fail(v, "must be a whole number")
		return 0, false
	case n/1000 < least:
		r.fail(v, "must be at least %d", least)
		return 0, false
	}
	return n / 1000, true
}

// seconds reads a length of time in seconds.
func (r *reader) seconds(v value) (time.Duration, bool) {
	n, ok := r.decimal(v)
	if ok && n > int64(24*time.Hour/time.Millisecond)*365 {
		r.fail(v, "must be at most a year of seconds")
		return 0, false
	}
	return time.Duration(n) * time.Millisecond, ok
}

// duration reads a policy.Duration and returns it as written.
func (r *reader) duration(v value) (string, bool) {
	text, ok := r.text(v)
	if !ok {
		return "", false
	}
	if _, err := policy.ParseDuration(text); err != nil {
		r.fail(v, `must be a number of at least 1 and a unit: "30s", "30m", "30h", "30d", "1w" or "1mo"`)
		return "", false
	}
	return text, true
}

// list reads a list; every other value is an error.
func (r *reader) list(v value) []value {
	if v.kind != list {
		r.fail(v, "must be a list, not %s", v.what())
	}
	return v.items
}

// texts reads a list of text.
func (r *reader) texts(v value) ([]string, bool) {
	items := r.list(v)
	ok := v.kind == list
	all := make([]string, 0, len(items))
	for _, item := range items {
		text, good := r.text(item)
		all = append(all, text)
		ok = ok && good
	}
	return all, ok
}

// object reads a mapping; every other value is an error.
func (r *reader) object(v value) ([]field, bool) {
	if v.kind != object {
		r.fail(v, "must be a mapping, not %s", v.what())
		return nil, false
	}
	return v.fields, true
}
