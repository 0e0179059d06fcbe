package policy_test

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // the zones, wherever the test runs

	"github.com/purser/purser/policy"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func every(t testing.TB, duration string, anchor time.Time) policy.Window {
	t.Helper()
	d, err := policy.ParseDuration(duration)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Every(d, anchor)
}

// Windows end when LiteLLM's budgets reset: days at midnight, weeks on Mondays,
// 30d and 1mo on the first; hours and minutes at their multiples in the day and
// hour. All other spans count from the anchor's day.
func TestCalendarWindows(t *testing.T) {
	const form = "2006-01-02 15:04:05"
	anchor := "2026-03-03 15:20:00" // a Tuesday
	for _, c := range []struct{ every, now, start, end string }{
		{"1d", "2026-03-11 14:15:16", "2026-03-11 00:00:00", "2026-03-12 00:00:00"},
		{"24h", "2026-03-11 14:15:16", "2026-03-11 00:00:00", "2026-03-12 00:00:00"},
		{"daily", "2026-03-11 00:00:00", "2026-03-11 00:00:00", "2026-03-12 00:00:00"},
		{"1d", "2026-03-11 23:59:59", "2026-03-11 00:00:00", "2026-03-12 00:00:00"},
		{"7d", "2026-03-11 14:15:16", "2026-03-09 00:00:00", "2026-03-16 00:00:00"},
		{"1w", "2026-03-11 14:15:16", "2026-03-09 00:00:00", "2026-03-16 00:00:00"},
		{"weekly", "2026-03-08 23:59:59", "2026-03-02 00:00:00", "2026-03-09 00:00:00"},
		{"1w", "2026-03-09 00:00:00", "2026-03-09 00:00:00", "2026-03-16 00:00:00"},
		{"30d", "2026-03-11 14:15:16", "2026-03-01 00:00:00", "2026-04-01 00:00:00"},
		{"1mo", "2026-02-28 23:59:59", "2026-02-01 00:00:00", "2026-03-01 00:00:00"},
		{"monthly", "2028-02-29 12:00:00", "2028-02-01 00:00:00", "2028-03-01 00:00:00"},
		{"1mo", "2026-12-31 23:59:59", "2026-12-01 00:00:00", "2027-01-01 00:00:00"},
		{"1h", "2026-03-11 14:15:16", "2026-03-11 14:00:00", "2026-03-11 15:00:00"},
		{"hourly", "2026-03-11 23:15:16", "2026-03-11 23:00:00", "2026-03-12 00:00:00"},
		{"6h", "2026-03-11 14:15:16", "2026-03-11 12:00:00", "2026-03-11 18:00:00"},
		{"5h", "2026-03-11 23:15:16", "2026-03-11 20:00:00", "2026-03-12 00:00:00"},
		{"23h", "2026-03-11 23:15:16", "2026-03-11 23:00:00", "2026-03-12 00:00:00"},
		{"15m", "2026-03-11 14:15:16", "2026-03-11 14:15:00", "2026-03-11 14:30:00"},
		{"25m", "2026-03-11 14:55:16", "2026-03-11 14:50:00", "2026-03-11 15:00:00"},
		{"60m", "2026-03-11 14:15:16", "2026-03-11 14:00:00", "2026-03-11 15:00:00"},
		{"30s", "2026-03-11 14:15:46", "2026-03-11 14:15:30", "2026-03-11 14:16:00"},
		{"60s", "2026-03-11 14:15:46", "2026-03-11 14:15:00", "2026-03-11 14:16:00"},
		{"7s", "2026-03-11 14:15:59", "2026-03-11 14:15:56", "2026-03-11 14:16:00"},
		// From the anchor's day, 2026-03-03.
		{"2d", "2026-03-03 15:20:00", "2026-03-03 00:00:00", "2026-03-05 00:00:00"},
		{"2d", "2026-03-11 14:15:16", "2026-03-11 00:00:00", "2026-03-13 00:00:00"},
		{"2d", "2026-03-02 14:15:16", "2026-03-01 00:00:00", "2026-03-03 00:00:00"}, // before it was made: it reaches back
		{"14d", "2026-03-16 23:59:59", "2026-03-03 00:00:00", "2026-03-17 00:00:00"},
		{"31d", "2026-04-03 00:00:00", "2026-04-03 00:00:00", "2026-05-04 00:00:00"},
		{"2w", "2026-03-17 00:00:00", "2026-03-17 00:00:00", "2026-03-31 00:00:00"},
		{"365d", "2026-12-31 00:00:00", "2026-03-03 00:00:00", "2027-03-03 00:00:00"},
		{"3mo", "2026-05-31 23:59:59", "2026-03-01 00:00:00", "2026-06-01 00:00:00"},
		{"3mo", "2027-02-01 00:00:00", "2026-12-01 00:00:00", "2027-03-01 00:00:00"},
		{"12mo", "2027-02-28 00:00:00", "2026-03-01 00:00:00", "2027-03-01 00:00:00"},
		{"30h", "2026-03-04 07:00:00", "2026-03-04 06:00:00", "2026-03-05 12:00:00"},
		{"48h", "2026-03-04 07:00:00", "2026-03-03 00:00:00", "2026-03-05 00:00:00"},
		{"90m", "2026-03-03 02:00:00", "2026-03-03 01:30:00", "2026-03-03 03:00:00"},
		{"100s", "2026-03-03 00:01:41", "2026-03-03 00:01:40", "2026-03-03 00:03:20"},
	} {
		for _, name := range []string{"UTC", "Asia/Tokyo", "Asia/Kathmandu"} { // +05:45, which no hour divides
			z := zone(t, name)
			parse := func(text string) time.Time {
				at, err := time.ParseInLocation(form, text, z)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			now := parse(c.now)
			start, end := every(t, c.every, parse(anchor)).Bounds(now.UTC(), policy.Calendar{Zone: z})
			if !start.Equal(parse(c.start)) || !end.Equal(parse(c.end)) {
				t.Errorf("%s at %s in %s: %s to %s, want %s to %s", c.every, c.now, name, start.In(z).Format(form), end.In(z).Format(form), c.start, c.end)
			}
		}
	}
}

func TestWindowsOverClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone, every, reset string
		now, start, end    string // RFC 3339
	}{
		// Berlin's clocks go from 2 to 3 on March 29, from 3 to 2 on October 25, 2026.
		{"Europe/Berlin", "1d", "0s", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"Europe/Berlin", "1d", "0s", "2026-10-25T12:00:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"Europe/Berlin", "1w", "0s", "2026-03-29T12:00:00+02:00", "2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"Europe/Berlin", "1mo", "0s", "2026-03-29T12:00:00+02:00", "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"},
		{"Europe/Berlin", "1mo", "0s", "2026-10-31T23:30:00+01:00", "2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00"},
		{"Europe/Berlin", "3d", "0s", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00", "2026-04-01T00:00:00+02:00"},
		{"Europe/Berlin", "1h", "0s", "2026-03-29T03:30:00+02:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"},
		{"Europe/Berlin", "1h", "0s", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"},
		{"Europe/Berlin", "1h", "0s", "2026-10-25T02:30:00+01:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"},
		{"Europe/Berlin", "6h", "0s", "2026-10-25T23:30:00+01:00", "2026-10-25T23:00:00+01:00", "2026-10-26T00:00:00+01:00"}, // the 25th hour
		{"Europe/Berlin", "15m", "0s", "2026-10-25T02:59:00+02:00", "2026-10-25T02:45:00+02:00", "2026-10-25T02:00:00+01:00"},
		// New York's on March 8 and November 1.
		{"America/New_York", "1d", "0s", "2026-03-08T12:00:00-04:00", "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00"},
		{"America/New_York", "1d", "0s", "2026-11-01T12:00:00-05:00", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		{"America/New_York", "30d", "0s", "2026-11-01T00:00:00-04:00", "2026-11-01T00:00:00-04:00", "2026-12-01T00:00:00-05:00"},
		{"America/New_York", "1w", "0s", "2026-11-01T23:59:59-05:00", "2026-10-26T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},
		// Half past five on the clock, also on the days it changes.
		{"Europe/Berlin", "1d", "5h30m", "2026-03-29T05:29:59+02:00", "2026-03-28T05:30:00+01:00", "2026-03-29T05:30:00+02:00"},
		{"Europe/Berlin", "1d", "5h30m", "2026-03-29T05:30:00+02:00", "2026-03-29T05:30:00+02:00", "2026-03-30T05:30:00+02:00"},
		{"Europe/Berlin", "1d", "5h30m", "2026-10-25T05:29:59+01:00", "2026-10-24T05:30:00+02:00", "2026-10-25T05:30:00+01:00"},
		{"Europe/Berlin", "30d", "5h30m", "2026-04-01T05:29:59+02:00", "2026-03-01T05:30:00+01:00", "2026-04-01T05:30:00+02:00"},
		{"America/New_York", "1w", "5h30m", "2026-03-09T05:00:00-04:00", "2026-03-02T05:30:00-05:00", "2026-03-09T05:30:00-04:00"},
		{"America/New_York", "6h", "5h30m", "2026-06-09T12:00:00-04:00", "2026-06-09T11:30:00-04:00", "2026-06-09T17:30:00-04:00"},
		// A day whose beginning is skipped begins when the clock is put forward.
		{"Europe/Berlin", "1d", "2h30m", "2026-03-29T03:00:00+02:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"Europe/Berlin", "1d", "2h30m", "2026-03-29T01:59:59+01:00", "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"America/Santiago", "1d", "0s", "2026-09-05T23:30:00-04:00", "2026-09-05T00:00:00-04:00", "2026-09-06T01:00:00-03:00"}, // no midnight
		{"America/Santiago", "1d", "0s", "2026-09-06T01:00:00-03:00", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},
		{"Africa/Cairo", "1d", "0s", "2026-04-24T01:00:00+03:00", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"},
		{"Pacific/Apia", "1d", "0s", "2011-12-29T23:00:00-10:00", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"}, // no Friday
		// Half an hour of daylight saving.
		{"Australia/Lord_Howe", "60m", "0s", "2026-10-04T02:40:00+11:00", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"},
		{"Australia/Lord_Howe", "60m", "0s", "2026-04-05T01:45:00+11:00", "2026-04-05T01:00:00+11:00", "2026-04-05T02:00:00+11:00"},
		{"Australia/Lord_Howe", "60m", "0s", "2026-04-05T01:45:00+10:30", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"},
	} {
		parse := func(text string) time.Time {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		reset, err := time.ParseDuration(c.reset)
		if err != nil {
			t.Fatal(err)
		}
		z := zone(t, c.zone)
		w := every(t, c.every, time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC))
		start, end := w.Bounds(parse(c.now), policy.Calendar{Zone: z, Reset: reset})
		if !start.Equal(parse(c.start)) || !end.Equal(parse(c.end)) {
			t.Errorf("%s in %s from %s, at %s: %s to %s, want %s to %s", c.every, c.zone, c.reset, c.now,
				start.In(z).Format(time.RFC3339), end.In(z).Format(time.RFC3339), c.start, c.end)
		}
	}
}

// Proxy-wide limits have no anchor; a span that fits no calendar still moves on.
func TestWindowsWithoutAnchor(t *testing.T) {
	for _, d := range []string{"30h", "90m", "100s", "3d", "2w", "5mo"} {
		w := every(t, d, time.Time{})
		now := time.Date(2026, time.March, 11, 14, 15, 16, 0, time.UTC)
		start, end := w.Bounds(now, policy.Calendar{})
		if start.After(now) || !now.Before(end) || end.Sub(now) > 160*24*time.Hour {
			t.Errorf("%s at %v: %v to %v", d, now, start, end)
		}
		// Nor does it begin at some odd second of an age before time zones.
		start, _ = w.Bounds(now, policy.Calendar{Zone: zone(t, "Europe/Berlin")})
		if d != "100s" && start.Second() != 0 || start.Nanosecond() != 0 {
			t.Errorf("%s in Berlin begins at %v", d, start)
		}
	}
}

// Every instant is in exactly one window: start ≤ now < end, all of a window finds
// the same window, and the next begins where it ends.
func TestWindowsTileTime(t *testing.T) {
	zones := []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe",
		"Pacific/Apia", "Asia/Beirut", "America/Havana", "Africa/Casablanca", "America/St_Johns", "Pacific/Kiritimati",
	}
	units := []string{"s", "m", "h", "d", "w", "mo"}
	resets := []time.Duration{0, 0, 5*time.Hour + 30*time.Minute, 2*time.Hour + 30*time.Minute, 30 * time.Second, 23*time.Hour + 59*time.Minute}
	rnd := rand.New(rand.NewPCG(5, 6))
	from := time.Date(2008, time.January, 1, 0, 0, 0, 0, time.UTC)
	moment := func(z *time.Location) time.Time {
		at := from.Add(time.Duration(rnd.Int64N(int64(30 * 365 * 24 * time.Hour))))
		if _, change := at.In(z).ZoneBounds(); rnd.IntN(2) == 0 && !change.IsZero() {
			at = change.Add(time.Duration(rnd.Int64N(int64(6*time.Hour))) - 3*time.Hour) // about when the clock changes
		}
		if rnd.IntN(3) == 0 {
			at = at.Truncate(time.Hour)
		}
		return at
	}
	for range 6000 {
		z := zone(t, zones[rnd.IntN(len(zones))])
		cal := policy.Calendar{Zone: z, Reset: resets[rnd.IntN(len(resets))]}
		n := 1 + rnd.IntN(70)
		if rnd.IntN(3) == 0 {
			n = 1
		}
		d, err := policy.ParseDuration(itoa(n) + units[rnd.IntN(len(units))])
		if err != nil {
			t.Fatal(err)
		}
		var anchor time.Time
		if rnd.IntN(5) > 0 {
			anchor = moment(z)
		}
		w, now := policy.Every(d, anchor), moment(z)
		say := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("%s in %s, reset %v, anchor %v, at %v: "+format, append([]any{d, z, cal.Reset, anchor, now.In(z)}, args...)...)
		}
		start, end := w.Bounds(now, cal)
		if start.After(now) || !now.Before(end) {
			say("%v to %v", start, end)
		}
		for _, at := range []time.Time{start, end.Add(-1), start.Add(time.Duration(rnd.Int64N(int64(end.Sub(start)))))} {
			if s, e := w.Bounds(at, cal); !s.Equal(start) || !e.Equal(end) {
				say("%v to %v, but at %v, within: %v to %v", start, end, at, s, e)
			}
		}
		if s, e := w.Bounds(end, cal); !s.Equal(end) || !e.After(end) {
			say("%v to %v, and the next is %v to %v", start, end, s, e)
		}
		if _, e := w.Bounds(start.Add(-1), cal); !e.Equal(start) {
			say("%v to %v, and the one before ends at %v", start, end, e)
		}
	}
}

func TestWindowNames(t *testing.T) {
	now := time.Date(2026, time.March, 11, 14, 15, 16, 0, time.UTC)
	for want, w := range map[string]policy.Window{
		"life": policy.Lifetime, "minute": policy.Minute, "live": policy.Live, "1mo": every(t, "30d", now), "1w": every(t, "7d", now),
		"1d": every(t, "24h", now), "2d": every(t, "2d", now), "90m": every(t, "90m", now),
	} {
		if got := w.Name(); got != want {
			t.Errorf("%+v is named %q, want %q", w, got, want)
		}
		if start, end := w.Bounds(now, policy.Calendar{}); w.Kind != policy.WindowCalendar && (!start.IsZero() || !end.IsZero()) {
			t.Errorf("%s is bounded by %v and %v", want, start, end)
		}
	}
	if start, end := (policy.Window{Kind: policy.WindowCalendar}).Bounds(now, policy.Calendar{}); !start.IsZero() || !end.IsZero() {
		t.Errorf("a window of no length is bounded by %v and %v", start, end)
	}
}
