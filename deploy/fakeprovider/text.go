package fakeprovider

import (
	"strings"
	"sync"

	"github.com/tiktoken-go/tokenizer"
)

// greeting is the answer to a request without instructions.
const greeting = "Hello! This is the fake provider that comes with Purser. It answers every prompt with the same few words, " +
	"counts their tokens as a real one does, and never sends anything to anybody else."

// story is what longer answers repeat. Each word, with the space before it, is one
// token, wherever the text is cut.
const story = " the ship left the port in the morning and the crew went to work while the captain looked at the sea" +
	" and the officer who keeps the money wrote down what every cup of water had cost so that nobody would pay twice"

var codec = sync.OnceValues(func() (tokenizer.Codec, error) { return tokenizer.Get(tokenizer.O200kBase) })

// countTokens is the number of o200k_base tokens of a text.
func countTokens(text string) int {
	c, err := codec()
	if err != nil {
		return len(text) // the vocabulary is built in: cannot happen
	}
	n, err := c.Count(text)
	if err != nil {
		return len(text)
	}
	return n
}

// tokenPieces cuts a text into its tokens. Where a token is half a character, it is
// joined with the next one, so that each piece is valid text; sizes says how many
// tokens each piece holds.
func tokenPieces(text string) (pieces []string, sizes []int) {
	c, err := codec()
	if err != nil {
		return []string{text}, []int{1}
	}
	_, tokens, err := c.Encode(text)
	if err != nil {
		return []string{text}, []int{1}
	}
	pending, size := "", 0
	for _, t := range tokens {
		pending, size = pending+t, size+1
		if strings.ToValidUTF8(pending, "") == pending {
			pieces, sizes = append(pieces, pending), append(sizes, size)
			pending, size = "", 0
		}
	}
	if size > 0 {
		pieces, sizes = append(pieces, pending), append(sizes, size)
	}
	return pieces, sizes
}

var storyWords = sync.OnceValue(func() []string {
	var words []string
	for _, w := range strings.Fields(story) {
		words = append(words, " "+w)
	}
	return words
})

// storyPieces is a text of exactly n tokens, one per piece.
func storyPieces(n int) []string {
	words := storyWords()
	pieces := make([]string, n)
	for i := range pieces {
		pieces[i] = words[i%len(words)]
	}
	return pieces
}

// answer is what will be said, before any wire format.
type answer struct {
	pieces    []string // visible text, or a tool call's arguments
	sizes     []int    // tokens of each piece
	tokens    int      // their sum, and the tool's name where one is called
	reasoning int
	cut       bool // by the request's cap
}

// output is what is billed: the visible and the hidden.
func (a answer) output() int { return a.tokens + a.reasoning }

func (a answer) text() string { return strings.Join(a.pieces, "") }

// compose makes the answer; limit is the request's cap, 0 for none.
func compose(in Instructions, limit int) answer {
	var a answer
	overhead := 0
	switch {
	case in.Tool != "":
		a.pieces, a.sizes = tokenPieces(`{"place":"` + strings.TrimSpace(strings.Join(storyPieces(max(value(in.OutputTokens, 4), 1)), "")) + `"}`)
		overhead = countTokens(in.Tool)
	case in.Text != "":
		a.pieces, a.sizes = tokenPieces(in.Text)
	case in.OutputTokens != nil:
		a.pieces = storyPieces(*in.OutputTokens)
	default:
		a.pieces, a.sizes = tokenPieces(greeting)
	}
	if a.sizes == nil {
		a.sizes = make([]int, len(a.pieces))
		for i := range a.sizes {
			a.sizes[i] = 1
		}
	}
	a.reasoning = in.ReasoningTokens
	if limit > 0 && !in.IgnoreCap {
		if a.reasoning > limit {
			a.reasoning, a.cut = limit, true
		}
		overhead = min(overhead, limit-a.reasoning)
		room := limit - a.reasoning - overhead
		for i, size := range a.sizes {
			if room -= size; room < 0 {
				a.pieces, a.sizes, a.cut = a.pieces[:i], a.sizes[:i], true
				break
			}
		}
	}
	a.tokens = overhead
	for _, size := range a.sizes {
		a.tokens += size
	}
	return a
}

// deltas groups the pieces into the chunks of a stream.
func (a answer) deltas(chunks int) []delta {
	n := len(a.pieces)
	if chunks <= 0 || chunks > n {
		chunks = n
	}
	out := make([]delta, 0, chunks)
	for i := range chunks {
		from, to := i*n/chunks, (i+1)*n/chunks
		d := delta{text: strings.Join(a.pieces[from:to], "")}
		for _, size := range a.sizes[from:to] {
			d.tokens += size
		}
		out = append(out, d)
	}
	return out
}

// delta is one chunk's share of the text.
type delta struct {
	text   string
	tokens int
}

func value(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}
