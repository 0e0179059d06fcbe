package tokens

import (
	"strings"
	"testing"
)

// Counts published for these encodings.
func TestCount(t *testing.T) {
	for _, tc := range []struct {
		encoding, text string
		want           int64
	}{
		{"", "", 0},
		{"", "hello world", 2},
		{"o200k_base", "antidisestablishmentarianism", 6},
		{"cl100k_base", "antidisestablishmentarianism", 6},
		{"p50k_base", "antidisestablishmentarianism", 5},
		{"r50k_base", "antidisestablishmentarianism", 5},
		{"cl100k_base", "2 + 2 = 4", 7},
		{"o200k_base", "お誕生日おめでとう", 8},
		{"cl100k_base", "お誕生日おめでとう", 9},
		{"no such encoding", "hello world", 2},
	} {
		if have := Count(tc.encoding, tc.text); have != tc.want {
			t.Errorf("%s %q: %d, want %d", tc.encoding, tc.text, have, tc.want)
		}
	}
	for _, e := range []string{"", "o200k_base", "cl100k_base", "p50k_base", "r50k_base"} {
		if err := Warm(e); err != nil || !Known(e) {
			t.Errorf("%q: %v", e, err)
		}
	}
	if Known("gpt-4") {
		t.Error("a model is no encoding")
	}
}

// However a text is cut, it counts as the whole of it does.
func TestCounterIsExact(t *testing.T) {
	for name, text := range texts(t) {
		for _, encoding := range []string{"o200k_base", "cl100k_base", "p50k_base"} {
			c := Counter{Encoding: encoding, keep: 300}
			for i, step := 0, 1; i < len(text); step = step%17 + 1 {
				n := min(step, len(text)-i)
				c.Add([]byte(text[i : i+n]))
				i += n
				if c.Len() > 300+17 {
					t.Fatalf("%d bytes kept", c.Len())
				}
				if i%97 == 0 { // asking between changes nothing
					c.Count()
				}
			}
			have, want := c.Count(), Count(encoding, text)
			slack := int64(0)
			if !spaced(name) { // no word ends anywhere: a cut may cost one token
				slack = int64(len(text)/150) + 1
			}
			if have < want-slack || have > want+slack {
				t.Errorf("%s %s: %d, want %d", encoding, name, have, want)
			}
		}
	}
}

func spaced(name string) bool {
	switch name {
	case "base64", "hex", "digits", "small letters", "letters", "emoji at random", "rare Han", "rules":
		return false
	}
	return true
}

func TestCounterKeepsLittle(t *testing.T) {
	var c Counter
	piece := []byte(strings.Repeat("word ", 20))
	for range 4 * keepMax / len(piece) {
		c.Add(piece)
		if c.Len() > keepMax+len(piece) {
			t.Fatalf("%d bytes kept", c.Len())
		}
	}
	if n, want := c.Count(), int64(4*keepMax/len(piece)*20); n < want || n > want+2 {
		t.Errorf("%d tokens, want about %d", n, want)
	}
}

func BenchmarkCount(b *testing.B) {
	text := strings.Repeat(texts(b)["English prose"], 10)
	b.SetBytes(int64(len(text)))
	Count("", "warm")
	for b.Loop() {
		Count("", text)
	}
}
