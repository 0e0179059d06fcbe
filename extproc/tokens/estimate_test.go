package tokens

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// texts are samples by name, each long enough for a statistic: short ones are
// repeated.
func texts(t testing.TB) map[string]string {
	t.Helper()
	all, err := os.ReadFile("testdata/texts.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, part := range strings.Split("\n"+string(all), "\n== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		out[name] = text
	}
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(alphabet string, n int) string {
		b, letters := strings.Builder{}, []rune(alphabet)
		for range n {
			b.WriteRune(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	junk := make([]byte, 6000)
	for i := range junk {
		junk[i] = byte(rng.Uint32())
	}
	out["base64"] = base64.StdEncoding.EncodeToString(junk)
	out["hex"] = hex.EncodeToString(junk)
	out["digits"] = random("0123456789", 4000)
	out["numbers"] = random("0123456789012345678901234567890123456789,. \n", 4000)
	out["small letters"] = random("abcdefghijklmnopqrstuvwxyz", 4000)
	out["letters"] = random("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 4000)
	out["words of random letters"] = random("abcdefghijklmnopqrstuvwxyz     ", 4000)
	out["emoji at random"] = random("😀😁😂🤣😃😄😅😆😉😊🚀🛸🏳️‍🌈🧬🪐🫠👨‍👩‍👧‍👦🇩🇪🇯🇵", 1500)
	out["rare Han"] = random("㐀㒰䶮龘靐齉爩籲鱻麤癵爨驫鸞", 1500)
	out["rules"] = strings.Repeat(strings.Repeat("-", 80)+"\n"+strings.Repeat("=", 40)+"\n", 30)
	var floats []float64
	for range 800 {
		floats = append(floats, rng.NormFloat64())
	}
	vector, _ := json.Marshal(floats)
	out["a vector"] = string(vector)
	files, err := filepath.Glob("../*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no program text", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out["program text"] += string(b)
	}
	return out
}

// The estimate is not below the true count and not far above it: in all kinds
// of text, with both generations of encodings.
func TestEstimateIsNearAndNotBelow(t *testing.T) {
	for _, encoding := range []string{"o200k_base", "cl100k_base"} {
		for name, text := range texts(t) {
			high := 1.55
			switch name {
			case "rules", "Ελληνικά", "العربية":
				high = 1.8
			case "हिन्दी": // little to learn from
				high = 2.6
			}
			have, want := Estimate(encoding, []byte(text)), Count(encoding, text)
			ratio := float64(have) / float64(want)
			if ratio < 1 || ratio > high {
				t.Errorf("%s %s: %d for %d: %.3f", encoding, name, have, want, ratio)
			} else {
				t.Logf("%s %s: %.3f", encoding, name, ratio)
			}
		}
	}
}

// What an escaped text costs is what it says, not how it is written.
func TestEstimateJSON(t *testing.T) {
	for name, text := range texts(t) {
		plain := Estimate("", []byte(text))
		var spelled strings.Builder // as json.dumps of Python writes it
		for _, r := range text {
			switch {
			case r >= 1<<16:
				fmt.Fprintf(&spelled, `\u%04x\u%04x`, (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00)
			case r >= utf8.RuneSelf:
				fmt.Fprintf(&spelled, `\u%04X`, r)
			case r == '\n':
				spelled.WriteString(`\n`)
			case r == '\t':
				spelled.WriteString(`\t`)
			case r == '"' || r == '\\':
				spelled.WriteString(`\` + string(r))
			default:
				spelled.WriteRune(r)
			}
		}
		if have := EstimateJSON("", []byte(spelled.String())); have != plain {
			t.Errorf("%s: %d escaped, %d plain", name, have, plain)
		}
	}
}

func FuzzEstimate(f *testing.F) {
	for _, s := range []string{"", "a", `\`, `\u`, `\ud83d\ude00`, `\ud83d\u12`, "\xff\xfe", "日本"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := Estimate("", b); n < 0 || n > 6*int64(len(b))+1 {
			t.Errorf("%d tokens for %d bytes", n, len(b))
		}
		if n := EstimateJSON("", b); n < 0 || n > 6*int64(len(b))+1 {
			t.Errorf("%d tokens for %d bytes", n, len(b))
		}
	})
}

func BenchmarkEstimate(b *testing.B) {
	all := texts(b)
	for _, name := range []string{"English prose", "program text", "中文"} {
		text := []byte(strings.Repeat(all[name], 1+64<<10/len(all[name]))[:64<<10])
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Estimate("", text)
			}
		})
	}
}
