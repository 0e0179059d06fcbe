package postgres

import (
	"encoding/json"
	"strconv"

	"github.com/purser/purser/policy"
)

// readLimits decodes limits as they are stored. Nearly all are a few numbers and a
// duration, and there are a million of them at a start: those are read without
// reflection, which takes ten times as long. Anything else goes the long way.
func readLimits(b []byte, l *policy.Limits) error {
	if readFlat(b, l) {
		return nil
	}
	*l = policy.Limits{}
	return json.Unmarshal(b, l)
}

// readFlat reports whether it could read the whole: an object of known names with
// numbers, and texts without escapes.
func readFlat(b []byte, l *policy.Limits) bool {
	s := flatScanner{b: b}
	if !s.take('{') {
		return false
	}
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return false
		}
		name, ok := s.text()
		if !ok || !s.take(':') || !s.field(name, l) {
			return false
		}
	}
	s.space()
	return len(s.b) == 0
}

type flatScanner struct{ b []byte }

func (s *flatScanner) space() {
	for len(s.b) > 0 && (s.b[0] == ' ' || s.b[0] == '\n' || s.b[0] == '\t' || s.b[0] == '\r') {
		s.b = s.b[1:]
	}
}

func (s *flatScanner) take(c byte) bool {
	s.space()
	if len(s.b) == 0 || s.b[0] != c {
		return false
	}
	s.b = s.b[1:]
	return true
}

// text is one without escapes, in ASCII.
func (s *flatScanner) text() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	for i, c := range s.b {
		switch {
		case c == '"':
			out := string(s.b[:i])
			s.b = s.b[i+1:]
			return out, true
		case c == '\\' || c < ' ' || c >= 0x80:
			return "", false
		}
	}
	return "", false
}

func (s *flatScanner) number() string {
	s.space()
	n := 0
	for n < len(s.b) && (s.b[n] >= '0' && s.b[n] <= '9' || s.b[n] == '-' || s.b[n] == '.') {
		n++
	}
	out := string(s.b[:n])
	s.b = s.b[n:]
	return out
}

func (s *flatScanner) field(name string, l *policy.Limits) (ok bool) {
	switch name {
	case "max_budget":
		return s.money(&l.MaxBudget)
	case "soft_budget":
		return s.money(&l.SoftBudget)
	case "budget_duration":
		l.BudgetDuration, ok = s.text()
		return ok
	case "rpm_limit":
		return s.count(&l.RPM)
	case "tpm_limit":
		return s.count(&l.TPM)
	case "tpd_limit":
		return s.count(&l.TPD)
	case "itpm_limit":
		return s.count(&l.ITPM)
	case "otpm_limit":
		return s.count(&l.OTPM)
	case "max_parallel_requests":
		return s.count(&l.MaxParallel)
	}
	return false
}

func (s *flatScanner) money(at **policy.Money) bool {
	m, err := policy.ParseMoney(s.number())
	if err != nil {
		return false
	}
	*at = &m
	return true
}

// count is a whole number as JSON writes it.
func (s *flatScanner) count(at **int64) bool {
	text := s.number()
	if len(text) > 1 && text[0] == '0' || len(text) > 1 && text[:2] == "-0" {
		return false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return false
	}
	*at = &n
	return true
}
