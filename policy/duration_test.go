package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]policy.Duration{
		"1s": {1, policy.Seconds}, "30s": {30, policy.Seconds}, "30m": {30, policy.Minutes}, "30h": {30, policy.Hours}, "30d": {30, policy.Days},
		"1w": {1, policy.Weeks}, "1mo": {1, policy.Months}, "12mo": {12, policy.Months}, "007d": {7, policy.Days},
		"hourly": {1, policy.Hours}, "daily": {24, policy.Hours}, "weekly": {7, policy.Days}, "monthly": {30, policy.Days},
		"99999d": {99999, policy.Days}, "3000mo": {3000, policy.Months},
	} {
		got, err := policy.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
		if again, err := policy.ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%q reads back as %v, %v", got, again, err)
		}
	}
	for _, text := range []string{
		"", "0s", "0d", "00mo", "-1d", "+1d", "d", "1", "1 d", " 1d", "1d ", "1D", "1M", "1mon", "1days", "1.5d", "1d1h", "1y", "mo", "Daily", "１d",
		"99999999999999999999d", "9999999999s", "9999999h", "999999d", "99999w", "99999mo", strings.Repeat("9", 1<<16) + "d",
	} {
		if got, err := policy.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%.40q) = %v, want an error", text, got)
		} else if len(err.Error()) > 250 {
			t.Errorf("ParseDuration(%.40q): an error of %d bytes", text, len(err.Error()))
		}
	}
	if got := (policy.Duration{}).String(); got != "" {
		t.Errorf("the zero Duration is %q", got)
	}
}

func TestDurationAfter(t *testing.T) {
	from := time.Date(2026, time.January, 31, 10, 0, 0, 5, time.UTC)
	for text, want := range map[string]time.Time{
		"90s": from.Add(90 * time.Second), "90m": from.Add(90 * time.Minute), "30h": from.Add(30 * time.Hour), "daily": from.Add(24 * time.Hour),
		// An expiry is exact: thirty days are not the month that a window of 30d is.
		"30d": from.Add(30 * 24 * time.Hour), "2w": from.Add(14 * 24 * time.Hour),
		"1mo": time.Date(2026, time.March, 3, 10, 0, 0, 5, time.UTC), "12mo": time.Date(2027, time.January, 31, 10, 0, 0, 5, time.UTC),
	} {
		d, err := policy.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.After(from); !got.Equal(want) {
			t.Errorf("%s after %v = %v, want %v", text, from, got, want)
		}
	}
}

// Whatever is accepted can be added to any date without turning back.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"30d", "1mo", "106139d", "9999999999s", "0d", "daily"} {
		f.Add(s)
	}
	now := time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := policy.ParseDuration(text)
		if err != nil {
			return
		}
		if end := d.After(now); !end.After(now) || end.Year() > 2400 {
			t.Errorf("%q after %v is %v", text, now, end)
		}
		start, end := policy.Every(d, now.AddDate(-1, 0, 0)).Bounds(now, policy.Calendar{})
		if start.After(now) || !now.Before(end) {
			t.Errorf("window of %q at %v: %v to %v", text, now, start, end)
		}
	})
}
