package policy

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Money is an amount in nano-USD: 1_000_000_000 is one dollar. An int64 holds
// about ±9.2 billion dollars, which no budget reaches.
type Money int64

// Dollar is one US dollar.
const Dollar Money = 1_000_000_000

// maxMoneyText bounds the text ParseMoney reads: a longer number is an attack or a mistake.
const maxMoneyText = 64

// ErrMoney is what every ParseMoney error wraps.
var ErrMoney = errors.New("not an amount of money")

// ParseMoney reads a JSON number of dollars, exactly: "1", "0.25", "1e-7".
// Digits beyond the ninth decimal are rounded half away from zero. The text
// must be a finite number that fits an int64 of nano-USD; the sign is kept.
func ParseMoney(text string) (Money, error) {
	n, err := parseScaled(text, int64(Dollar))
	return Money(n), err
}

// parseScaled reads a JSON number as whole units of 1/scale.
func parseScaled(text string, scale int64) (int64, error) {
	if len(text) > maxMoneyText || !jsonNumber(text) {
		return 0, fmt.Errorf("%w: %q", ErrMoney, clip(text, maxMoneyText))
	}
	if exp := strings.IndexAny(text, "eE"); exp >= 0 {
		// big.Rat would materialise 1e999999: refuse such exponents before it does.
		n, err := strconv.Atoi(text[exp+1:])
		if err != nil || n > 40 || n < -80 {
			return 0, fmt.Errorf("%w: %q is out of range", ErrMoney, text)
		}
	}
	if n, ok := parsePlain(text, scale); ok {
		return n, nil
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%w: %q", ErrMoney, text)
	}
	r.Mul(r, new(big.Rat).SetInt64(scale))
	n := roundHalfAway(r)
	if !n.IsInt64() {
		return 0, fmt.Errorf("%w: %q is out of range", ErrMoney, text)
	}
	return n.Int64(), nil
}

// parsePlain reads what nearly all amounts look like without big numbers: up to nine
// digits, a point, and no more decimals than the scale has. There are millions of them
// in a directory.
func parsePlain(text string, scale int64) (int64, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, decimals, _ := strings.Cut(digits, ".")
	if len(whole) > 9 {
		return 0, false
	}
	var n int64
	for _, part := range [...]string{whole, decimals} {
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return 0, false // an exponent
			}
		}
	}
	for i := range len(whole) {
		n = 10*n + int64(whole[i]-'0')
	}
	for n *= scale; decimals != ""; decimals = decimals[1:] {
		if scale%10 != 0 {
			return 0, false
		}
		scale /= 10
		n += int64(decimals[0]-'0') * scale
	}
	if negative {
		n = -n
	}
	return n, true
}

// roundHalfAway rounds to the nearest integer, halves away from zero.
func roundHalfAway(r *big.Rat) *big.Int {
	num, den := new(big.Int).Abs(r.Num()), r.Denom()
	q, rem := new(big.Int).QuoRem(num, den, new(big.Int))
	if rem.Lsh(rem, 1).Cmp(den) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	if r.Sign() < 0 {
		q.Neg(q)
	}
	return q
}

// jsonNumber reports whether text is a JSON number: no sign but a leading
// minus, no leading zero, no hex, no underscore, no "Inf".
func jsonNumber(text string) bool {
	digits := func(s string) int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	s := strings.TrimPrefix(text, "-")
	n := digits(s)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	s = s[n:]
	if frac, ok := strings.CutPrefix(s, "."); ok {
		if n = digits(frac); n == 0 {
			return false
		}
		s = frac[n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && digits(s) == len(s)
}

// String is the amount in dollars as the shortest exact decimal: "0.0016", "12".
func (m Money) String() string {
	sign, n := "", uint64(m)
	if m < 0 {
		sign, n = "-", uint64(-m)
	}
	whole, frac := n/uint64(Dollar), n%uint64(Dollar)
	if frac == 0 {
		return sign + strconv.FormatUint(whole, 10)
	}
	return sign + strconv.FormatUint(whole, 10) + "." + strings.TrimRight(fmt.Sprintf("%09d", frac), "0")
}

// MarshalJSON writes the exact decimal as a JSON number. Whole dollars carry
// ".0", as clients that tell floats from integers expect of money.
func (m Money) MarshalJSON() ([]byte, error) {
	return m.AppendJSON(nil), nil
}

// AppendJSON appends what MarshalJSON writes.
func (m Money) AppendJSON(b []byte) []byte {
	n := uint64(m)
	if m < 0 {
		b, n = append(b, '-'), uint64(-m)
	}
	b = append(strconv.AppendUint(b, n/uint64(Dollar), 10), '.')
	frac := n % uint64(Dollar)
	if frac == 0 {
		return append(b, '0')
	}
	for digit := uint64(Dollar / 10); frac > 0; digit /= 10 {
		b = append(b, byte('0'+frac/digit))
		frac %= digit
	}
	return b
}

// UnmarshalJSON reads a JSON number of dollars.
func (m *Money) UnmarshalJSON(b []byte) error {
	n, err := ParseMoney(string(b))
	if err != nil {
		return err
	}
	*m = n
	return nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
