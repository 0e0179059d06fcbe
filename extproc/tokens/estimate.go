package tokens

import (
	"bytes"
	"cmp"
	_ "embed"
	"unicode/utf16"
	"unicode/utf8"
)

// Chat models spend these beside the text.
const (
	PerMessage = 3 // around each message
	PerName    = 1 // where a message carries a name
	PerReply   = 3 // the reply is primed with its role
)

//go:embed o200k_base.costs
var o200kCosts string

//go:embed cl100k_base.costs
var cl100kCosts string

// costs is a table of what characters cost: how often a token begins at one
// behind the one before it, in 1/Unit tokens, a margin included. For small
// letters, two before count. Tables are made by the program in fit.
type costs struct {
	pair   [1 << 16]uint8 // PairSize of it: any 16 bits are an index
	triple [TripleSize]uint8
	single [SingleSize]uint8
}

func newCosts(table string) *costs {
	c := &costs{}
	n := copy(c.pair[:min(PairSize, len(table))], table)
	n += copy(c.triple[:], table[n:])
	copy(c.single[:], table[n:])
	return c
}

var (
	o200kTable  = newCosts(o200kCosts)
	cl100kTable = newCosts(cl100kCosts)
)

// tableOf is the table to estimate an encoding with: the older ones cost about
// what cl100k_base does.
func tableOf(encoding string) *costs {
	switch cmp.Or(encoding, Default) {
	case "cl100k_base", "p50k_base", "r50k_base":
		return cl100kTable
	}
	return o200kTable
}

// Estimate is near the number of tokens of a text and not below it: some 10 to
// 50% above, for all languages we had texts of, program text, numbers and random
// characters alike. It is a statistic, not a bound: a short text, or one made
// for the purpose, can have more. It takes one to two nanoseconds a byte and
// never runs the tokenizer.
func Estimate(encoding string, text []byte) int64 {
	e := estimator{costs: tableOf(encoding), before: '\n'}
	e.add(text)
	return e.tokens()
}

// EstimateJSON is Estimate of what a JSON string (without its quotes) says.
func EstimateJSON(encoding string, raw []byte) int64 {
	e := estimator{costs: tableOf(encoding), before: '\n'}
	for {
		plain := raw
		i := bytes.IndexByte(raw, 0x5c) // a backslash
		if i >= 0 {
			plain = raw[:i]
		}
		e.add(plain)
		if i < 0 || i+1 >= len(raw) {
			return e.tokens()
		}
		raw = raw[i+2:]
		switch c := plain[:i+2][i+1]; c {
		case 'u':
			r := hex4(raw)
			raw = raw[min(4, len(raw)):]
			if utf16.IsSurrogate(r) && len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
				if both := utf16.DecodeRune(r, hex4(raw[2:])); both != utf8.RuneError {
					r, raw = both, raw[6:]
				}
			}
			e.rune(r)
		case 'n':
			e.rune('\n')
		case 't':
			e.rune('\t')
		case 'r':
			e.rune('\r')
		case 'b', 'f':
			e.rune('\f')
		default:
			e.rune(rune(c))
		}
	}
}

type estimator struct {
	costs  *costs
	before int    // class of the last character
	small  uint32 // the last small letters, five bits each; 0: something else
	sum    uint64
}

func (e *estimator) tokens() int64 {
	if e.sum == 0 {
		return 0
	}
	return int64((e.sum+Unit-1)/Unit) + 1
}

func (e *estimator) add(text []byte) {
	pair, triple, letters := &e.costs.pair, &e.costs.triple, &smallOf
	before, small, sum := uint32(e.before), e.small, e.sum
	for len(text) > 0 {
		ascii := len(text)
		for i, c := range text {
			if c >= utf8.RuneSelf {
				ascii = i
				break
			}
			small = (small<<5 | uint32(letters[c])) & (TripleSize - 1)
			sum += uint64(pair[uint16(before*stride+uint32(c))]) + uint64(triple[small])
			before = uint32(c)
		}
		if text = text[ascii:]; len(text) == 0 {
			break
		}
		r, size := utf8.DecodeRune(text)
		class := uint32(e.costs.class(r))
		sum += uint64(pair[uint16(before*stride+class)])
		before, small = class, 0
		text = text[size:]
	}
	e.before, e.small, e.sum = int(before), small, sum
}

func (e *estimator) rune(r rune) {
	var b [utf8.UTFMax]byte
	e.add(b[:utf8.EncodeRune(b[:], r)])
}

func (c *costs) class(r rune) int {
	return ClassOf(r, r >= 1<<16 || c.single[r/8]>>(r%8)&1 != 0)
}

// smallOf numbers the small letters from 1; everything else is 0.
var smallOf = func() (t [256]uint8) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c] = c - 'a' + 1
	}
	return t
}()

func hex4(b []byte) (r rune) {
	for _, c := range b[:min(4, len(b))] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		}
	}
	return r
}
