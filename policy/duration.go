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

// maxDuration bounds a Duration: what is longer overflows a time.Duration.
const maxDuration = 290 * 366 * 24 * time.Hour

// span of one unit; of a month, its longest.
func (u Unit) span() time.Duration {
	switch u {
	case Months:
		return 31 * 24 * time.Hour
	case Weeks:
		return 7 * 24 * time.Hour
	case Days:
		return 24 * time.Hour
	case Hours:
		return time.Hour
	case Minutes:
		return time.Minute
	}
	return time.Second
}

// ParseDuration reads a Duration of at least 1 and at most 290 years.
func ParseDuration(text string) (Duration, error) {
	if d, ok := durationWords[text]; ok {
		return d, nil
	}
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(text[:digits])
	if err != nil || n < 1 {
		return Duration{}, durationError(text)
	}
	d := Duration{N: n}
	switch text[digits:] {
	case "s", "m", "h", "d", "w":
		d.Unit = Unit(text[digits])
	case "mo":
		d.Unit = Months
	default:
		return Duration{}, durationError(text)
	}
	if int64(n) > int64(maxDuration/d.Unit.span()) {
		return Duration{}, fmt.Errorf("duration %q is longer than 290 years", clip(text, 40))
	}
	return d, nil
}

func durationError(text string) error {
	return fmt.Errorf(`invalid duration %q: write a number of at least 1 and a unit, as in "30s", "30m", "30h", "30d", "1w" or "1mo"`, clip(text, 40))
}

// After is the exact time d after t: an expiry, not a window's end.
func (d Duration) After(t time.Time) time.Time {
	if d.Unit == Months {
		return t.AddDate(0, d.N, 0)
	}
	return t.Add(time.Duration(d.N) * d.Unit.span())
}

func (d Duration) String() string {
	switch d {
	case Duration{1, Months}: // asked for with every request
		return "1mo"
	case Duration{1, Weeks}:
		return "1w"
	case Duration{1, Days}:
		return "1d"
	}
	switch d.Unit {
	case 0:
		return ""
	case Months:
		return strconv.Itoa(d.N) + "mo"
	}
	return strconv.Itoa(d.N) + string(rune(d.Unit))
}
