package seal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func box(t testing.TB, secrets ...string) *Box {
	t.Helper()
	b, err := New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealedTextOpensForItsOwnerOnly(t *testing.T) {
	b := box(t, "salt")
	for _, text := range []string{"", "sk-1", "é\x00\n", strings.Repeat("x", 100_000)} {
		sealed := b.Seal("model-1", text)
		if !Is(sealed) || len(text) > 3 && strings.Contains(sealed, text) {
			t.Errorf("%.20q is sealed as %.40q", text, sealed)
		}
		if got, err := b.Open("model-1", sealed); got != text || err != nil {
			t.Errorf("%.20q opens as %.20q, %v", text, got, err)
		}
		if got, err := b.Open("model-2", sealed); got != "" || !errors.Is(err, ErrDamaged) {
			t.Errorf("for another owner: %.20q, %v", got, err)
		}
	}
	if b.Seal("m", "x") == b.Seal("m", "x") {
		t.Error("the same text is sealed the same twice: whoever reads the table sees who shares a key")
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	b := box(t, "salt")
	good := b.Seal("m", "secret")
	head, body := good[:len(Prefix)+9], good[len(Prefix)+9:]
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"plain text":       {"sk-plain", ErrDamaged},
		"nothing":          {"", ErrDamaged},
		"the prefix alone": {Prefix, ErrDamaged},
		"no body":          {head, ErrDamaged},
		"a short body":     {head + "AAAA", ErrDamaged},
		"not base64":       {head + "!" + body[1:], ErrDamaged},
		"a bit changed":    {head + flip(body), ErrDamaged},
		"cut":              {good[:len(good)-4], ErrDamaged},
		"another version":  {strings.Replace(good, "v1", "v2", 1), ErrDamaged},
		"another secret":   {box(t, "other").Seal("m", "secret"), ErrUnknownKey},
	} {
		if got, err := b.Open("m", c.text); got != "" || !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v; want %v", name, got, err, c.want)
		}
	}
}

// flip changes the first character of base64.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func TestSecretsCanBeChanged(t *testing.T) {
	old := box(t, "master").Seal("m", "secret")
	both := box(t, "", "salt", "master")
	if got, err := both.Open("m", old); got != "secret" || err != nil {
		t.Errorf("sealed before: %q, %v", got, err)
	}
	if got, err := box(t, "salt").Open("m", both.Seal("m", "new")); got != "new" || err != nil {
		t.Errorf("the first secret seals: %q, %v", got, err)
	}
	if _, err := New("", ""); err == nil {
		t.Error("a box without a secret")
	}
}

func TestABoxIsNotPrinted(t *testing.T) {
	b := box(t, "salt-that-must-not-show")
	for _, text := range []string{fmt.Sprint(b), fmt.Sprintf("%v %+v %#v %s", b, b, b, b)} {
		if strings.Contains(text, "salt-that") || strings.Contains(text, "[") {
			t.Errorf("printed as %s", text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, "salt")
	f.Add("m", b.Seal("m", "secret"))
	f.Add("", "sealed:v1:00000000:")
	f.Fuzz(func(t *testing.T, owner, sealed string) {
		if text, err := b.Open(owner, sealed); err == nil && text != "secret" {
			t.Errorf("%q opened as %q", sealed, text)
		}
	})
}
