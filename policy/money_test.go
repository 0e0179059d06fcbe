package policy_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		text string
		want policy.Money
	}{
		{"0", 0}, {"-0", 0}, {"0.0", 0}, {"1", 1e9}, {"-1", -1e9}, {"0.25", 250e6}, {"12.000", 12e9},
		{"1e-7", 100}, {"1E-7", 100}, {"1.5e+2", 150e9}, {"2e0", 2e9},
		{"0.1", 100e6}, {"0.3", 300e6}, {"19.99", 19_990e6}, // exact, where a float is not
		{"123456789.987654321", 123456789987654321},
		// Beyond the ninth decimal: to the nearest, halves away from zero.
		{"0.0000000004", 0}, {"0.0000000005", 1}, {"0.00000000149999", 1}, {"0.0000000015", 2}, {"-0.0000000005", -1}, {"-0.0000000004", 0},
		{"1e-40", 0}, {"1e-80", 0},
		// The ends of an int64.
		{"9223372036.854775807", math.MaxInt64}, {"-9223372036.854775808", math.MinInt64}, {"9223372036.8547758074", math.MaxInt64},
		{"0.000000000000000000000000001e20", 100},
	} {
		if got, err := policy.ParseMoney(c.text); err != nil || got != c.want {
			t.Errorf("ParseMoney(%q) = %d, %v; want %d", c.text, got, err, c.want)
		}
	}
}

func TestParseMoneyRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "1 ", " 1", "abc", "null", "true", `"1"`, "$1", "1,5", "1_000",
		"NaN", "nan", "Inf", "-Inf", "+Inf", "Infinity", "1e", "e5", "1e+", "1e5.5", "1e5e5", "1.2.3", "--1", "-", "+1", "1-2", "1e--5",
		"0x10", "0X1p4", "0b1", "0o7", "1/2", "010", "-01", ".5", "1.", "1.e5", "-.5", "٣",
		"9223372036.854775808", "9223372036.8547758075", "-9223372036.854775809", "1e10", "1e40", "1e41", "1e308", "1e309", "1e999999999", "-1e999999999", "1e-999999999",
		"1e99999999999999999999", strings.Repeat("9", 65), "0." + strings.Repeat("0", 1<<20),
	} {
		if got, err := policy.ParseMoney(text); !errors.Is(err, policy.ErrMoney) {
			t.Errorf("ParseMoney(%.80q) = %d, %v; want ErrMoney", text, got, err)
		} else if len(err.Error()) > 200 {
			t.Errorf("ParseMoney(%.80q): an error of %d bytes", text, len(err.Error()))
		}
	}
}

func TestMoneyString(t *testing.T) {
	for m, want := range map[policy.Money]string{
		0: "0", 1: "0.000000001", -1: "-0.000000001", 1e9: "1", -1e9: "-1", 1_600_000: "0.0016", 12_500_000_000: "12.5",
		100_000_000_000: "100", math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		if got := m.String(); got != want {
			t.Errorf("Money(%d).String() = %q, want %q", int64(m), got, want)
		}
	}
}

func TestMoneyJSON(t *testing.T) {
	for m, want := range map[policy.Money]string{0: "0.0", 5e9: "5.0", -5e9: "-5.0", 1: "0.000000001", 250e6: "0.25", math.MaxInt64: "9223372036.854775807"} {
		if got, err := json.Marshal(m); err != nil || string(got) != want {
			t.Errorf("Marshal(%d) = %s, %v; want %s", int64(m), got, err, want)
		}
	}
	var b struct {
		Max    *policy.Money  `json:"max"`
		Amount policy.Money   `json:"amount"`
		Many   []policy.Money `json:"many"`
	}
	if err := json.Unmarshal([]byte(`{"max":null,"amount":1e-7,"many":[0.1,2,-3.5]}`), &b); err != nil {
		t.Fatal(err)
	}
	if b.Max != nil || b.Amount != 100 || b.Many[0] != 100e6 || b.Many[1] != 2e9 || b.Many[2] != -3500e6 {
		t.Errorf("%+v", b)
	}
	for _, text := range []string{`{"amount":"1"}`, `{"amount":null}`, `{"amount":1e99}`, `{"amount":{}}`, `{"amount":true}`} {
		if err := json.Unmarshal([]byte(text), &b); err == nil {
			t.Errorf("Unmarshal(%s) is accepted", text)
		}
	}
}

// Whatever is read is what an exact fraction says, rounded; whatever is written
// reads back the same.
func FuzzMoney(f *testing.F) {
	for _, s := range []string{"0.25", "1e-7", "-9223372036.854775808", "0x10", "1e999999999", "NaN", "0.0000000005", "1E+2", "01", "1."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := policy.ParseMoney(text)
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("ParseMoney(%q) = %v, which is not JSON", text, m)
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("ParseMoney(%q) = %v, which is no number", text, m)
		}
		off := exact.Sub(exact, big.NewRat(int64(m), int64(policy.Dollar)))
		if off.Abs(off).Cmp(big.NewRat(1, 2*int64(policy.Dollar))) > 0 {
			t.Errorf("ParseMoney(%q) = %v, off by %v", text, m, off)
		}
		if again, err := policy.ParseMoney(m.String()); err != nil || again != m {
			t.Errorf("%q reads back as %v, %v", m, again, err)
		}
		out, err := json.Marshal(m)
		if err != nil || !json.Valid(out) {
			t.Fatalf("Marshal(%v) = %s, %v", m, out, err)
		}
		var back policy.Money
		if err := json.Unmarshal(out, &back); err != nil || back != m {
			t.Errorf("%s reads back as %v, %v", out, back, err)
		}
	})
}
