package extproc

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWhatIsNotedFitsIntoOneOfEnvoysMessages(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"a name", "team:t1", "team:t1"},
		{"nothing", "", ""},
		{"no text", "a\xffb", "a?b"},
		{"too long", strings.Repeat("x", notedLength+1), strings.Repeat("x", notedLength)},
		{"cut within a letter", strings.Repeat("x", notedLength-1) + "é", strings.Repeat("x", notedLength-1) + "?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := headers(appendNoted(nil, "f", tt.value))
			if got.get("f") != tt.want || len(got) != min(len(tt.want), 1) || !utf8.ValidString(got.get("f")) {
				t.Errorf("%q became %q", tt.value, got)
			}
		})
	}
}
