package fakeprovider

import (
	"strings"
	"testing"
)

func TestEveryPrefixOfAnAnswerHasAsManyTokensAsItSays(t *testing.T) {
	for name, pieces := range map[string][]string{
		"story":    storyPieces(300),
		"greeting": compose(Instructions{}, 0).pieces,
	} {
		for n := range pieces {
			if got := countTokens(strings.Join(pieces[:n+1], "")); got != n+1 {
				t.Fatalf("%s: the first %d pieces count %d tokens", name, n+1, got)
			}
		}
	}
}

func TestCompose(t *testing.T) {
	five, zero := 5, 0
	for _, tc := range []struct {
		name      string
		in        Instructions
		limit     int
		visible   int
		output    int
		reasoning int
		cut       bool
	}{
		{"as asked", Instructions{OutputTokens: &five}, 0, 5, 5, 0, false},
		{"nothing", Instructions{OutputTokens: &zero}, 0, 0, 0, 0, false},
		{"a cap above is no cut", Instructions{OutputTokens: &five}, 5, 5, 5, 0, false},
		{"a cap below cuts", Instructions{OutputTokens: &five}, 3, 3, 3, 0, true},
		{"reasoning counts against the cap", Instructions{OutputTokens: &five, ReasoningTokens: 2}, 4, 2, 4, 2, true},
		{"reasoning may use all of it", Instructions{OutputTokens: &five, ReasoningTokens: 9}, 4, 0, 4, 4, true},
		{"reasoning comes on top without a cap", Instructions{OutputTokens: &five, ReasoningTokens: 9}, 0, 5, 14, 9, false},
		{"a broken provider ignores the cap", Instructions{OutputTokens: &five, IgnoreCap: true}, 3, 5, 5, 0, false},
		{"given text", Instructions{Text: "one two three"}, 0, 3, 3, 0, false},
		{"half characters stay whole", Instructions{Text: "𓀀𓀀"}, 0, countTokens("𓀀𓀀"), countTokens("𓀀𓀀"), 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := compose(tc.in, tc.limit)
			if got := countTokens(a.text()); got != tc.visible {
				t.Errorf("%d visible tokens, want %d: %q", got, tc.visible, a.text())
			}
			if a.output() != tc.output || a.reasoning != tc.reasoning || a.cut != tc.cut {
				t.Errorf("got output %d, reasoning %d, cut %v", a.output(), a.reasoning, a.cut)
			}
			for _, chunks := range []int{0, 1, 2, 1000} {
				tokens, text := 0, ""
				for _, d := range a.deltas(chunks) {
					tokens, text = tokens+d.tokens, text+d.text
					if got := countTokens(d.text); tc.in.Text == "" && got != d.tokens {
						t.Errorf("the delta %q says %d tokens, and counts %d", d.text, d.tokens, got)
					}
				}
				if tokens != a.tokens || text != a.text() {
					t.Errorf("in %d chunks: %d tokens, %q", chunks, tokens, text)
				}
			}
		})
	}
}
