package tokens

// A character's class in the cost tables: ASCII stands for itself; beyond, a
// script, in two classes: characters that are one token alone (even), and those
// of several (odd).
const (
	asciiClasses = 128
	scripts      = 24
	classes      = asciiClasses + 2*scripts
	stride       = 256 // of the pair table: a power of two, so that an index is a shift
)

// scriptOf is a script's number for a character beyond ASCII.
func scriptOf(r rune) int {
	for i, end := range scriptEnds {
		if r < end {
			return i
		}
	}
	return scripts - 1
}

// scriptEnds are the first characters behind each script, roughly: Latin-1
// symbols, Latin letters, phonetic, Greek, Cyrillic, Armenian and Hebrew,
// Arabic, its supplements, Indic, Thai and Lao, others, punctuation, symbols,
// CJK punctuation, Hiragana, Katakana, CJK marks, Han, others, Hangul, private
// use, half and full width, rare planes, pictures.
var scriptEnds = [...]rune{
	0xc0, 0x250, 0x370, 0x400, 0x530, 0x600, 0x700, 0x900, 0xe00, 0x1000, 0x2000, 0x2070,
	0x3000, 0x3040, 0x30a0, 0x3100, 0x4e00, 0xa000, 0xac00, 0xd7b0, 0xff00, 0x10000, 0x1f000,
}

// ClassOf is the class of a character. single reports whether it is one token.
// It is exported for the program that makes the tables.
func ClassOf(r rune, single bool) int {
	if r < asciiClasses {
		return int(r)
	}
	c := asciiClasses + 2*scriptOf(r)
	if !single {
		c++
	}
	return c
}

// The layout of a table file: costs of pairs, costs of three small letters, a
// bit for each character of the basic plane that is one token.
const (
	PairSize   = classes * stride // 45 KB, of which ASCII text uses 16
	TripleSize = 1 << 15
	SingleSize = 1 << 13
	TableSize  = PairSize + TripleSize + SingleSize

	// Unit is what a cost of one token is written as; the margin is in it.
	Unit = 52
)

// PairIndex is where the cost of a character behind another is.
func PairIndex(before, class int) int { return before*stride + class }

// TripleIndex is where the cost of a small letter is behind two others (0: none).
func TripleIndex(a, b, c int) int { return a<<10 | b<<5 | c }
