package dialect

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// streamed passes what a string says to the sink: runs without escapes as they
// stand in p, escapes once they are whole.
func (s *scanner) streamed(p []byte, i int) int {
	id := s.at.id
	for i < len(p) {
		if s.escLen > 0 {
			s.esc[s.escLen] = p[i]
			s.escLen++
			i++
			i -= s.unescape(id)
			continue
		}
		rest := p[i:]
		n := bytes.IndexByte(rest, '"')
		run := rest
		if n >= 0 {
			run = rest[:n]
		}
		b := bytes.IndexByte(run, '\\')
		if b >= 0 {
			run = run[:b]
		}
		if len(run) > 0 {
			s.sink.text(id, run)
		}
		i += len(run)
		switch {
		case b >= 0:
			s.esc[0], s.escLen = '\\', 1
			i++
		case n >= 0:
			s.done()
			return i + 1
		}
	}
	return i
}

// unescape decodes s.esc if it is whole, and returns how many of its last bytes
// were not part of it. Those are always bytes just read.
func (s *scanner) unescape(id int) (back int) {
	c := s.esc[1]
	if c != 'u' {
		plain := c
		switch c {
		case 'b':
			plain = '\b'
		case 'f':
			plain = '\f'
		case 'n':
			plain = '\n'
		case 'r':
			plain = '\r'
		case 't':
			plain = '\t'
		}
		s.escLen = 0
		s.sink.text(id, []byte{plain})
		return 0
	}
	high, ok := hex4(s.esc[2:min(s.escLen, 6)])
	switch {
	case !ok: // no escape after all
		s.escLen = 0
		s.sink.text(id, replacement)
		return 1
	case s.escLen < 6:
		return 0
	case !utf16.IsSurrogate(high):
		s.escLen = 0
		s.sink.text(id, utf8.AppendRune(nil, high))
		return 0
	case s.escLen == 6 && high < 0xdc00: // the second half follows
		return 0
	case s.escLen == 6 || s.escLen == 7 && s.esc[6] != '\\': // it does not
		back = s.escLen - 6
		s.escLen = 0
		s.sink.text(id, replacement)
		return back
	case s.escLen == 7:
		return 0
	case s.esc[7] != 'u': // another escape follows a lone half
		s.sink.text(id, replacement)
		s.esc[1], s.escLen = s.esc[7], 2
		return s.unescape(id)
	}
	low, ok := hex4(s.esc[8:s.escLen])
	switch {
	case !ok:
		s.escLen = 0
		s.sink.text(id, replacement)
		return 1
	case s.escLen < 12:
		return 0
	}
	if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
		s.escLen = 0
		s.sink.text(id, utf8.AppendRune(nil, r))
		return 0
	}
	s.sink.text(id, replacement) // two halves that do not fit: look at the second anew
	copy(s.esc[:], s.esc[6:])
	s.escLen = 6
	return s.unescape(id)
}

var replacement = []byte("\ufffd")

// hex4 reads up to four hexadecimal digits.
func hex4(b []byte) (r rune, ok bool) {
	for _, c := range b {
		r <<= 4
		switch {
		case '0' <= c && c <= '9':
			r |= rune(c - '0')
		case 'a' <= c && c <= 'f':
			r |= rune(c - 'a' + 10)
		case 'A' <= c && c <= 'F':
			r |= rune(c - 'A' + 10)
		default:
			return 0, false
		}
	}
	return r, true
}
