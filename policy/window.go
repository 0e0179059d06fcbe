package policy

import "time"

// WindowKind is how the use of a limit is forgotten.
type WindowKind uint8

// The kinds of window.
const (
	WindowLifetime WindowKind = iota // never
	WindowMinute                     // rolling: what is older than sixty seconds no longer counts
	WindowCalendar                   // all at once, at the end of each calendar window
	WindowLive                       // when the request ends: parallel requests
)

// Window is the span over which a limit counts. Calendar windows are derived
// from Every, Anchor and the Calendar at read time, so a reset needs no job: a
// new window is a new counter that starts at zero.
type Window struct {
	Kind   WindowKind
	Every  Duration  // calendar windows only
	Anchor time.Time // where windows that fit no calendar unit start counting: the entity's creation
}

// Calendar is the proxy-wide idea of when days begin.
type Calendar struct {
	Zone  *time.Location // nil is UTC
	Reset time.Duration  // after midnight; 0 is midnight
}

// Lifetime is the window that never ends.
var Lifetime = Window{Kind: WindowLifetime}

// Minute is the rolling minute of rate limits.
var Minute = Window{Kind: WindowMinute}

// Live is the window of limits on what goes on at once.
var Live = Window{Kind: WindowLive}

// Every is the calendar window of a duration. "30d" and "1mo" are the calendar
// month, "7d" and "1w" the week from Monday, as LiteLLM resets them.
func Every(d Duration, anchor time.Time) Window {
	switch d {
	case Duration{30, Days}:
		d = Duration{1, Months}
	case Duration{7, Days}:
		d = Duration{1, Weeks}
	case Duration{24, Hours}:
		d = Duration{1, Days}
	}
	return Window{Kind: WindowCalendar, Every: d, Anchor: anchor}
}

// Name identifies the window among a scope's: "life", "minute", "live", "1mo".
func (w Window) Name() string {
	switch w.Kind {
	case WindowMinute:
		return "minute"
	case WindowCalendar:
		return w.Every.String()
	case WindowLive:
		return "live"
	}
	return "life"
}

// Bounds returns the calendar window that now lies in: start ≤ now < end. Other
// kinds have none and return zero times.
func (w Window) Bounds(now time.Time, cal Calendar) (start, end time.Time) {
	if w.Kind != WindowCalendar || w.Every.N < 1 {
		return time.Time{}, time.Time{}
	}
	zone := cal.Zone
	if zone == nil {
		zone = time.UTC
	}
	// Work on the wall clock that reads 00:00 at the reset time.
	local := now.In(zone)
	shifted := local.Add(-cal.Reset)
	y, m, d := shifted.Date()
	n := w.Every.N
	day := func(y int, m time.Month, d int) time.Time {
		return time.Date(y, m, d, 0, 0, 0, 0, zone).Add(cal.Reset)
	}
	switch w.Every.Unit {
	case Months:
		first := 0
		if n > 1 {
			ay, am, _ := w.Anchor.In(zone).Add(-cal.Reset).Date()
			first = floorMod((y*12+int(m))-(ay*12+int(am)), n)
		}
		return day(y, m-time.Month(first), 1), day(y, m-time.Month(first)+time.Month(n), 1)
	case Weeks, Days:
		span, back := n, 0
		if w.Every.Unit == Weeks {
			span = 7 * n
			if n == 1 {
				back = (int(shifted.Weekday()) + 6) % 7 // days since Monday
			}
		}
		if span > 1 && !(w.Every.Unit == Weeks && n == 1) {
			ay, am, ad := w.Anchor.In(zone).Add(-cal.Reset).Date()
			back = floorMod(dayNumber(y, m, d)-dayNumber(ay, am, ad), span)
		}
		return day(y, m, d-back), day(y, m, d-back+span)
	}
	seconds := map[Unit]int{Hours: 3600, Minutes: 60, Seconds: 1}[w.Every.Unit] * n
	limit := map[Unit]int{Hours: 86400, Minutes: 3600, Seconds: 60}[w.Every.Unit]
	span := time.Duration(seconds) * time.Second
	if seconds > limit || (w.Every.Unit == Hours && n > 23) {
		// Longer than the unit above: no clock face to align to, so count from the anchor's midnight.
		ay, am, ad := w.Anchor.In(zone).Date()
		base := time.Date(ay, am, ad, 0, 0, 0, 0, zone)
		k := now.Sub(base) / span
		if now.Before(base.Add(k * span)) {
			k--
		}
		return base.Add(k * span), base.Add((k + 1) * span)
	}
	// Aligned in the day, hour or minute, whose end cuts the last window short.
	base := local.Truncate(time.Duration(limit) * time.Second)
	if w.Every.Unit == Hours {
		base = day(y, m, d)
	} else if _, offset := local.Zone(); offset%limit != 0 {
		base = local.Add(time.Duration(offset) * time.Second).Truncate(time.Duration(limit) * time.Second).Add(-time.Duration(offset) * time.Second)
	}
	start = base.Add(now.Sub(base) / span * span)
	end = start.Add(span)
	next := base.Add(time.Duration(limit) * time.Second)
	if w.Every.Unit == Hours {
		next = day(y, m, d+1) // 23 or 25 hours on where the clock changes
	}
	if end.After(next) {
		end = next
	}
	return start, end
}

func floorMod(a, n int) int { return ((a % n) + n) % n }

// dayNumber counts days, so that spans of days are free of daylight saving.
func dayNumber(y int, m time.Month, d int) int {
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
