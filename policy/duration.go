package policy

import (
	"fmt"
	"strconv"
	"time"
)

// Duration is a length as people write it: "30s", "30m", "30h", "30d", "1w",
// "1mo". Months have no fixed length, so it is not a time.Duration.
type Duration struct {
	N    int
	Unit Unit
}

// Unit is the unit of a Duration.
type Unit byte

// The units.
const (
	Seconds Unit = 's'
	Minutes Unit = 'm'
	Hours   Unit = 'h'
	Days    Unit = 'd'
	Weeks   Unit = 'w'
	Months  Unit = 'M'
)

var durationWords = map[string]Duration{
	"hourly": {1, Hours}, "daily": {24, Hours}, "weekly": {7, Days}, "monthly": {30, Days},
}

// maxDuration bounds N so that no date overflows: ten thousand years of days.
const maxDuration = 3_650_000

// ParseDuration reads a Duration; N must be at least 1.
func ParseDuration(text string) (Duration, error) {
	if d, ok := durationWords[text]; ok {
		return d, nil
	}
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(text[:digits])
	if err != nil || n < 1 || n > maxDuration {
		return Duration{}, durationError(text)
	}
	switch text[digits:] {
	case "s", "m", "h", "d", "w":
		return Duration{n, Unit(text[digits])}, nil
	case "mo":
		return Duration{n, Months}, nil
	}
	return Duration{}, durationError(text)
}

func durationError(text string) error {
	return fmt.Errorf(`invalid duration %q: write a number of at least 1 and a unit, as in "30s", "30m", "30h", "30d", "1w" or "1mo"`, clip(text, 40))
}

// After is the exact time d after t: an expiry, not a window's end.
func (d Duration) After(t time.Time) time.Time {
	switch d.Unit {
	case Months:
		return t.AddDate(0, d.N, 0)
	case Weeks:
		return t.Add(time.Duration(d.N) * 7 * 24 * time.Hour)
	case Days:
		return t.Add(time.Duration(d.N) * 24 * time.Hour)
	case Hours:
		return t.Add(time.Duration(d.N) * time.Hour)
	case Minutes:
		return t.Add(time.Duration(d.N) * time.Minute)
	}
	return t.Add(time.Duration(d.N) * time.Second)
}

func (d Duration) String() string {
	switch d.Unit {
	case 0:
		return ""
	case Months:
		return strconv.Itoa(d.N) + "mo"
	}
	return strconv.Itoa(d.N) + string(rune(d.Unit))
}
