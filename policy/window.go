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
	Reset time.Duration  // the time on the clock at which days begin, below 24 h; 0 is midnight
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

// noAnchor stands for an anchor that is not set: that of proxy-wide limits.
var noAnchor = time.Date(2000, time.January, 1, 12, 0, 0, 0, time.UTC)

// Bounds returns the calendar window that now lies in: start ≤ now < end. Other
// kinds have none and return zero times.
func (w Window) Bounds(now time.Time, cal Calendar) (start, end time.Time) {
	n := w.Every.N
	if w.Kind != WindowCalendar || n < 1 {
		return time.Time{}, time.Time{}
	}
	anchor := w.Anchor
	if anchor.IsZero() {
		anchor = noAnchor
	}
	y, m, d := cal.date(now)
	switch w.Every.Unit {
	case Months:
		if n > 1 {
			ay, am, _ := cal.date(anchor)
			m -= time.Month(floorMod(y*12+int(m)-ay*12-int(am), n))
		}
		return cal.day(y, m, 1), cal.day(y, m+time.Month(n), 1)
	case Weeks, Days:
		length := n
		if w.Every.Unit == Weeks {
			length = 7 * n
		}
		first := dayNumber(cal.date(anchor))
		if w.Every == (Duration{1, Weeks}) {
			first = dayNumber(2024, time.January, 1) // any Monday
		}
		d -= floorMod(dayNumber(y, m, d)-first, length)
		return cal.day(y, m, d), cal.day(y, m, d+length)
	}
	span := time.Duration(n) * w.Every.Unit.span()
	var from, to time.Time
	switch w.Every.Unit {
	case Hours:
		from, to = cal.day(y, m, d), cal.day(y, m, d+1) // 23 or 25 hours where the clock changes
	case Minutes:
		from, to = cal.face(now, time.Hour)
	default:
		from, to = cal.face(now, time.Minute)
	}
	if w.Every.Unit == Hours && n > 23 || w.Every.Unit != Hours && n > 60 {
		// Longer than what it would be aligned in: count from the anchor's day, in
		// seconds, for a time.Duration does not reach every anchor.
		base, seconds := cal.day(cal.date(anchor)).Unix(), int64(span/time.Second)
		since := now.Unix() - base
		since -= ((since % seconds) + seconds) % seconds
		start = time.Unix(base+since, 0).In(cal.zone())
		return start, start.Add(span)
	}
	// Aligned in the day, hour or minute, whose end cuts the last window short.
	start = from.Add(now.Sub(from) / span * span)
	if end = start.Add(span); end.After(to) {
		end = to
	}
	return start, end
}

func (c Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// day is when a day begins; dates overflow as in time.Date. Where the clock skips
// that time of day, it is when the clock is put forward.
func (c Calendar) day(y int, m time.Month, d int) time.Time {
	seconds := int(c.Reset / time.Second)
	t := time.Date(y, m, d, 0, 0, seconds, 0, c.zone())
	asked, got := time.Date(y, m, d, 0, 0, seconds, 0, time.UTC), wall(t)
	if got.Equal(asked) {
		return t
	}
	from, to := t.ZoneBounds()
	if got.Before(asked) {
		return to
	}
	return from
}

// date is the day t lies in.
func (c Calendar) date(t time.Time) (int, time.Month, int) {
	y, m, d := t.In(c.zone()).Date()
	if t.Before(c.day(y, m, d)) {
		return time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC).Date()
	}
	return y, m, d
}

// face is the turn of the clock's face t lies in: the hour or the minute. A change
// of the clock by less than a turn cuts it short.
func (c Calendar) face(t time.Time, turn time.Duration) (from, to time.Time) {
	local := t.In(c.zone())
	from = local.Add(wall(local).Truncate(turn).Sub(wall(local)))
	to = from.Add(turn)
	first, last := local.ZoneBounds()
	if from.Before(first) {
		from = first
	}
	if !last.IsZero() && to.After(last) {
		to = last
	}
	return from, to
}

// wall is what the clock shows at t, as a time in UTC.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

func floorMod(a, n int) int { return ((a % n) + n) % n }

// dayNumber counts days, so that spans of days are free of daylight saving.
func dayNumber(y int, m time.Month, d int) int {
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
