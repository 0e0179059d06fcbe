// Command fit makes a cost table of package tokens: it runs an encoding's
// tokenizer over files and writes how often a token begins between each pair of
// characters, and each three small letters.
//
//	go run ./extproc/tokens/fit -encoding o200k_base -out extproc/tokens/o200k_base.costs file[=weight]…
//
// The tables in the tree were made from program text (Go, C, Python,
// JavaScript), prose and technical texts in English, message catalogues in some
// thirty languages, JSON, tables, numbers, and random text of each kind: letters,
// base64, hexadecimal, Han, emoji.
package main

import (
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"

	"github.com/purser/purser/extproc/tokens"
)

// The margins on top of the mean: languages and kinds of text differ by so much
// from what is fitted over all of them.
const (
	margin       = 1.10
	marginBeyond = 1.28 // for characters beyond ASCII, of which there was less to learn from
)

type stat struct{ n, begins float64 }

func main() {
	encoding := flag.String("encoding", tokens.Default, "name of the encoding")
	out := flag.String("out", "", "file to write")
	flag.Parse()
	codec, err := tokenizer.Get(tokenizer.Encoding(*encoding))
	if err != nil {
		log.Fatal(err)
	}
	var single [1 << 16]bool
	for r := rune(0x80); r < 1<<16; r++ {
		if utf8.ValidRune(r) {
			n, _ := codec.Count(string(r))
			single[r] = n == 1
		}
	}
	class := func(r rune) int { return tokens.ClassOf(r, r >= 1<<16 || single[r]) }

	pairs, triples := make([]stat, tokens.PairSize), make([]stat, tokens.TripleSize)
	most := make([]float64, tokens.PairSize) // over the files
	for _, arg := range flag.Args() {
		name, weightText, _ := strings.Cut(arg, "=")
		weight, err := strconv.ParseFloat(weightText, 64)
		if err != nil {
			weight = 1
		}
		begins, text := read(codec, name)
		weight *= math.Min(100_000/float64(len(text)), 20)
		own := map[int]*stat{}
		a, b := '\n', '\n'
		for i, c := range text {
			n := 0.0
			for j := range utf8.RuneLen(c) {
				n += begins[i+j]
			}
			at := tokens.PairIndex(class(b), class(c))
			if own[at] == nil {
				own[at] = &stat{}
			}
			own[at].n++
			own[at].begins += n
			if small(b) > 0 && small(c) > 0 {
				t := &triples[tokens.TripleIndex(small(a), small(b), small(c))]
				t.n += weight
				t.begins += weight * n
			}
			a, b = b, c
		}
		for at, s := range own {
			pairs[at].n += weight * s.n
			pairs[at].begins += weight * s.begins
			if s.n > 200 {
				most[at] = max(most[at], s.begins/s.n)
			}
		}
	}

	table := make([]byte, tokens.TableSize)
	var columns [256]stat
	for at, s := range pairs {
		columns[at%256].n += s.n
		columns[at%256].begins += s.begins
	}
	classes := tokens.PairSize / 256
	for before := range classes {
		for c := range classes {
			at := tokens.PairIndex(before, c)
			if before < 128 && c < 128 && small(rune(before)) > 0 && small(rune(c)) > 0 {
				continue // the triples tell more
			}
			prior, weight := 1.0, 10.0
			if col := columns[c]; col.n > 0 {
				prior = (col.begins + 1) / (col.n + 1)
			}
			if c >= 128 && before >= 128 && c/2 == before/2 { // words of a script nobody gave us texts in
				prior, weight = 0.5, 100
				if c%2 == 1 {
					prior = 1.2
				}
			}
			if c < 128 && before < 128 && unicode.IsLetter(rune(c)) && unicode.IsLetter(rune(before)) {
				prior = max(prior, 0.8)
			}
			mean := (pairs[at].begins + weight*prior) / (pairs[at].n + weight)
			switch {
			case before < 128 && c < 128 && unicode.IsDigit(rune(before)) && unicode.IsDigit(rune(c)):
				mean = 0.41 // three digits a token, and a rest
			case before < 128 || c < 128:
				mean = max(mean, (3*mean+most[at])/4)
			}
			table[at] = cost(mean, c >= 128 || before >= 128)
		}
	}
	for i, s := range triples {
		if i>>5&31 == 0 || i&31 == 0 {
			continue
		}
		table[tokens.PairSize+i] = cost((s.begins+30*0.8)/(s.n+30), false)
	}
	for r, is := range single {
		if is {
			table[tokens.PairSize+tokens.TripleSize+r/8] |= 1 << (r % 8)
		}
	}
	if err := os.WriteFile(*out, table, 0o644); err != nil {
		log.Fatal(err)
	}
}

func cost(tokensPerChar float64, beyond bool) byte {
	m := margin
	if beyond {
		m = marginBeyond
	}
	return byte(min(math.Ceil(tokensPerChar*m*tokens.Unit), 255))
}

func small(r rune) int {
	if 'a' <= r && r <= 'z' {
		return int(r-'a') + 1
	}
	return 0
}

// read is a file's text and how many tokens begin at each of its bytes.
func read(codec tokenizer.Codec, name string) (begins []float64, text string) {
	b, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	text = strings.ToValidUTF8(string(b[:min(len(b), 200_000)]), "")
	_, parts, err := codec.Encode(text)
	if err != nil {
		log.Fatal(fmt.Errorf("%s: %w", name, err))
	}
	begins = make([]float64, len(text)+utf8.UTFMax)
	at := 0
	for _, p := range parts {
		begins[at]++
		at += len(p)
	}
	return begins, text
}
