package tokens

import (
	"cmp"
	"unicode"
	"unicode/utf8"
)

// Counter counts the tokens of a text that arrives in pieces: as many as Count
// of the whole. It keeps the text and counts when asked, so that a text nobody
// asks about costs no more than its bytes; of a long one it counts the beginning
// and keeps the rest. Nothing is counted twice but the last word. The zero value
// counts with Default.
type Counter struct {
	Encoding string

	pending []byte
	settled int64
	keep    int // keepMax, but in tests
}

// keepMax is how much text waits, in bytes, before its beginning is counted.
// Few answers are longer.
const keepMax = 256 << 10

// Add takes the next piece.
func (c *Counter) Add(piece []byte) {
	c.pending = append(c.pending, piece...)
	if len(c.pending) < cmp.Or(c.keep, keepMax) {
		return
	}
	c.settle(cmp.Or(boundary(c.pending), lastRune(c.pending)))
}

func (c *Counter) settle(upTo int) {
	c.settled += Count(c.Encoding, string(c.pending[:upTo]))
	c.pending = c.pending[:copy(c.pending, c.pending[upTo:])]
}

// Len is how many bytes wait to be counted.
func (c *Counter) Len() int { return len(c.pending) }

// Count is the number of tokens so far. It runs the tokenizer.
func (c *Counter) Count() int64 {
	c.settle(boundary(c.pending))
	return c.settled + Count(c.Encoding, string(c.pending))
}

// boundary finds the last place in text where every encoding starts a new word
// whatever comes around it: behind a letter or digit and before a space, a
// symbol or punctuation that is no apostrophe. (The patterns which cut text into
// words take a letter or digit and what follows together only if that is a
// letter, mark, digit or contraction.) It is 0 where there is none.
func boundary(text []byte) int {
	for i := len(text); i > 0; {
		r, size := utf8.DecodeLastRune(text[:i])
		i -= size
		if r == '\'' || r == utf8.RuneError || !(unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			continue
		}
		if before, _ := utf8.DecodeLastRune(text[:i]); before != utf8.RuneError && (unicode.IsLetter(before) || unicode.IsDigit(before)) {
			return i
		}
	}
	return 0
}

// lastRune is where the last character of a text begins. One enormous word is
// cut there, and may count one more.
func lastRune(text []byte) int {
	for i := len(text) - 1; i > 0 && i >= len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return len(text)
}
