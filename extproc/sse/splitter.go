package sse

import "bytes"

// DefaultMax is the most that is held of an unfinished event, in bytes.
const DefaultMax = 1 << 20

// Event is one event, or a piece of one that is over the bound. Its slices are
// valid only until yield returns.
type Event struct {
	Raw  []byte // its bytes, the blank line included
	Type []byte // value of the last "event:" line; nil where there is none
	Data []byte // values of the "data:" lines, joined by LF; nil where there is none

	Oversize bool // longer than Max: Data of the pieces is not joined by LF, and Type may be cut
	More     bool // a piece; the event goes on
}

// Splitter finds events in chunks. The zero value is ready.
type Splitter struct {
	Max int // most bytes held; 0 is DefaultMax

	hold    []byte // the unfinished event, but for what already left in pieces
	scanned int    // of hold: bytes already looked at
	line    int    // of hold: where the current line starts; negative: in a piece that left
	last    ending // of the line before
	over    bool   // pieces of the current event have left
	inData  bool   // over: the last piece ended within a data line
	joined  []byte // scratch for events of several data lines
}

type ending uint8

const (
	endNone ending = iota
	endLF
	endCRLF
	endCR
)

// Held is how many bytes of an unfinished event wait for their end.
func (s *Splitter) Held() int { return len(s.hold) }

// Feed takes the next chunk and yields each event that it completes, in order.
// With end it yields what is left, too; the Splitter then starts anew.
func (s *Splitter) Feed(p []byte, end bool, yield func(Event)) {
	limit := s.Max
	if limit <= 0 {
		limit = DefaultMax
	}
	b := p
	held := len(s.hold) > 0
	if held {
		s.hold = append(s.hold, p...)
		b = s.hold
	}
	start, i := 0, s.scanned // of the current event; where to go on looking
	line := s.line           // start of the current line
	lf := -1                 // the next LF; len(b) where there is none
	for {
		if lf < i { // looked for once, or a chunk of bare CRs would cost its square
			lf = i + bytes.IndexByte(b[i:], '\n')
			if lf < i {
				lf = len(b)
			}
		}
		at, size, kind := s.lineEnd(b, line, i, lf, end)
		i = at
		if kind == endNone {
			break
		}
		blank := at == line
		i, s.last = at+size, kind
		line = i
		if blank {
			s.emit(b[start:i], limit, false, yield)
			start = i
		}
	}
	if end {
		if start < len(b) {
			s.emit(b[start:], limit, false, yield)
		}
		*s = Splitter{Max: s.Max, hold: s.hold[:0], joined: s.joined}
		return
	}
	if s.over || i-start > limit {
		// Pieces leave by whole lines, or within a value: never within the name of a field.
		upTo := i
		if line >= start && i-line < longestName {
			upTo = line
		}
		if upTo > start {
			s.emit(b[start:upTo], limit, true, yield)
			start = upTo
		}
	}
	s.scanned, s.line = i-start, line-start
	switch {
	case held && start > 0:
		s.hold = s.hold[:copy(s.hold, b[start:])]
	case !held:
		s.hold = append(s.hold[:0], b[start:]...)
	}
}

const longestName = len("event: ")

// lineEnd finds the next end of the line that starts at line, looking from
// from; lf is where the next LF is. kind is endNone where the line does not end
// yet; at is then how far that is certain.
func (s *Splitter) lineEnd(b []byte, line, from, lf int, end bool) (at, size int, kind ending) {
	n := bytes.IndexByte(b[from:lf], '\r')
	if n < 0 {
		if lf == len(b) {
			return lf, 0, endNone
		}
		return lf, 1, endLF
	}
	at = from + n
	switch {
	case at == line && s.last == endCR: // a blank line among bare CRs
		return at, 1, endCR
	case at+1 == len(b) && !end: // an LF may follow
		return at, 0, endNone
	case at+1 == lf && lf < len(b):
		return at, 2, endCRLF
	}
	return at, 1, endCR
}

func (s *Splitter) emit(raw []byte, limit int, more bool, yield func(Event)) {
	e := Event{Raw: raw, More: more, Oversize: more || s.over || len(raw) > limit}
	if len(raw) > 2 || s.over { // more than a blank line
		s.parse(&e)
	}
	s.over = more
	if !more {
		s.inData = false
	}
	yield(e)
}

var bom = []byte("\xef\xbb\xbf")

// parse fills Type and Data from Raw.
func (s *Splitter) parse(e *Event) {
	b, values := e.Raw, 0
	within := s.over && s.inData // the piece starts within a data line
	if !s.over {
		b = bytes.TrimPrefix(b, bom)
	}
	s.inData = false
	crs := bytes.IndexByte(b, '\r') >= 0
	for len(b) > 0 {
		var line, value []byte
		line, b, s.inData = cutLine(b, crs)
		switch {
		case within:
			value, within = line, false
		case bytes.HasPrefix(line, []byte("data:")):
			value = bytes.TrimPrefix(line[5:], []byte(" "))
		case string(line) == "data":
			value = line[4:]
		case bytes.HasPrefix(line, []byte("event:")):
			e.Type, s.inData = bytes.TrimPrefix(line[6:], []byte(" ")), false
			continue
		default:
			s.inData = false
			continue
		}
		switch values {
		case 0:
			e.Data = value
		case 1:
			s.joined = append(append(append(s.joined[:0], e.Data...), '\n'), value...)
			e.Data = s.joined
		default:
			s.joined = append(append(s.joined, '\n'), value...)
			e.Data = s.joined
		}
		values++
	}
}

// cutLine splits b behind its first line, whose ending is in neither part. open
// says that the line has no ending: it is all of b. crs says that CRs are about.
func cutLine(b []byte, crs bool) (line, rest []byte, open bool) {
	var n int
	if crs {
		n = bytes.IndexAny(b, "\r\n")
	} else {
		n = bytes.IndexByte(b, '\n')
	}
	switch {
	case n < 0:
		return b, nil, true
	case b[n] == '\r' && n+1 < len(b) && b[n+1] == '\n':
		return b[:n], b[n+2:], false
	}
	return b[:n], b[n+1:], false
}
