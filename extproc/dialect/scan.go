package dialect

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// wants says what a format looks for in replies: a path as in fields, and what
// to do there. Lists at the top are looked through.
type wants map[string]want

type want struct {
	kind wantKind
	id   int // what the format's sink is told
}

type wantKind uint8

const (
	onTheWay wantKind = iota
	capture           // the value, as it is written, up to captureMax bytes
	stream            // what a string says, in pieces as they come
	enter             // that an object begins, and that it ends
)

// captureMax is the longest value that is kept whole, in bytes.
const captureMax = 4 << 10

// sink is told what a scanner finds.
type sink interface {
	value(id int, raw []byte) // valid until it returns
	text(id int, s []byte)
	enter(id int)
	exit(id int)
}

type node struct {
	want
	keys map[string]*node
	elem *node
}

func (w wants) compile() *node {
	root := &node{}
	root.elem = root
	for path, want := range w {
		at := root
		for _, part := range strings.Split(path, ".") {
			name, lists := cutLists(part)
			if at.keys == nil {
				at.keys = map[string]*node{}
			}
			if at.keys[name] == nil {
				at.keys[name] = &node{}
			}
			at = at.keys[name]
			for range lists {
				if at.elem == nil {
					at.elem = &node{}
				}
				at = at.elem
			}
		}
		at.want = want
	}
	return root
}

// scanner walks JSON as its bytes arrive, however they are cut, in constant
// memory. It does not check what it walks: what is no JSON yields nothing more.
type scanner struct {
	root  *node
	sink  sink
	stack []frame
	at    *node // of the value that comes or is being read; nil: of no interest
	state scanState
	docs  int // whole values at the top

	key     []byte // of a member, while it is cut
	long    bool   // key or value is over its bound
	escaped bool   // a backslash was the last byte; in keys: there was one
	inStr   bool   // in a skipped or captured composite: within a string
	deep    int    // of that composite
	keep    bool   // it is captured
	buf     []byte // captured so far
	esc     [12]byte
	escLen  int
}

type frame struct {
	node *node
	list bool
}

type scanState uint8

const (
	sValue   scanState = iota // a value comes, or the end of a list
	sKey                      // a member comes, or the end of an object
	sKeyText                  // within a member's name
	sColon
	sAfter  // behind a value
	sString // within a string, skipped or captured
	sText   // within a string, streamed
	sScalar // within a number or a word
	sInside // within an object or list, skipped or captured
	sBroken
)

const maxStack = 32

func (s *scanner) reset() {
	s.stack, s.at, s.state, s.docs = s.stack[:0], s.root, sValue, 0
	s.key, s.buf, s.escLen, s.escaped, s.inStr, s.long = s.key[:0], s.buf[:0], 0, false, false, false
}

func newScanner(root *node, to sink) *scanner {
	s := &scanner{root: root, sink: to, stack: make([]frame, 0, 8)}
	s.reset()
	return s
}

func (s *scanner) feed(p []byte) {
	for i := 0; i < len(p); {
		switch s.state {
		case sValue:
			i = s.begin(p, i)
		case sKey:
			switch c := p[i]; {
			case c == '"':
				s.state, s.key, s.escaped, s.long = sKeyText, s.key[:0], false, false
			case c == '}':
				s.pop(false)
			case c == ',' || isSpace(c):
			default:
				s.state = sBroken
			}
			i++
		case sKeyText:
			i = s.name(p, i)
		case sColon:
			switch c := p[i]; {
			case c == ':':
				s.state = sValue
			case !isSpace(c):
				s.state = sBroken
			}
			i++
		case sAfter:
			i = s.after(p, i)
		case sString:
			i = s.str(p, i)
		case sText:
			i = s.streamed(p, i)
		case sScalar:
			i = s.scalar(p, i)
		case sInside:
			i = s.inside(p, i)
		default:
			return
		}
	}
}

// finish ends a number at the top, which no byte ends.
func (s *scanner) finish() {
	if s.state == sScalar {
		s.feed([]byte{' '})
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (s *scanner) begin(p []byte, i int) int {
	c := p[i]
	n := s.at
	switch {
	case isSpace(c) || c == ',' && len(s.stack) == 0: // a comma: lists at the top may come without brackets
	case len(s.stack) >= maxStack:
		s.state = sBroken
	case c == '{' && n != nil && n.keys != nil:
		if n.kind == enter {
			s.sink.enter(n.id)
		}
		s.stack = append(s.stack, frame{n, false})
		s.state = sKey
	case c == '[' && n != nil && n.elem != nil:
		s.stack = append(s.stack, frame{n, true})
		s.at = n.elem
	case c == ']' && len(s.stack) > 0 && s.stack[len(s.stack)-1].list:
		s.pop(true)
	case c == '{' || c == '[':
		s.state, s.deep, s.inStr, s.escaped = sInside, 1, false, false
		s.keeping(n, c)
	case c == '"' && n != nil && n.kind == stream:
		s.state, s.escLen = sText, 0
	case c == '"':
		s.state, s.escaped = sString, false
		s.keeping(n, c)
	case c == '-' || '0' <= c && c <= '9' || c == 't' || c == 'f' || c == 'n':
		s.state = sScalar
		s.keeping(n, c)
	default:
		s.state = sBroken
	}
	return i + 1
}

func (s *scanner) keeping(n *node, c byte) {
	s.keep, s.long = n != nil && n.kind == capture, false
	if s.keep {
		s.buf = append(s.buf[:0], c)
	}
}

// more captures bytes, unless there are too many.
func (s *scanner) more(b []byte) {
	if !s.keep || s.long {
		return
	}
	if len(s.buf)+len(b) > captureMax {
		s.long = true
		return
	}
	s.buf = append(s.buf, b...)
}

func (s *scanner) pop(list bool) {
	top := s.stack[len(s.stack)-1] // sKey and the check in begin make sure that there is one
	s.stack = s.stack[:len(s.stack)-1]
	if !list && top.node.kind == enter {
		s.sink.exit(top.node.id)
	}
	s.done()
}

// done ends a value.
func (s *scanner) done() {
	s.state = sAfter
	if len(s.stack) == 0 {
		s.docs++
	}
}

// found ends a value that may have been captured.
func (s *scanner) found() {
	if s.keep && !s.long {
		s.sink.value(s.at.id, s.buf)
	}
	s.keep = false
	s.done()
}

func (s *scanner) after(p []byte, i int) int {
	c := p[i]
	if isSpace(c) {
		return i + 1
	}
	if len(s.stack) == 0 { // another value at the top
		s.at, s.state = s.root, sValue
		return i
	}
	top := s.stack[len(s.stack)-1]
	switch {
	case c == ',' && top.list:
		s.at, s.state = top.node.elem, sValue
	case c == ',':
		s.state = sKey
	case c == ']' && top.list, c == '}' && !top.list:
		s.pop(top.list)
	default:
		s.state = sBroken
	}
	return i + 1
}

// closing finds the quote that ends a string, from i on; escaped says that the
// byte before i was a backslash that counts. Where there is no such quote yet,
// stop is len(p).
func closing(p []byte, i int, escaped bool) (stop int, still bool) {
	for {
		if escaped {
			if i >= len(p) {
				return len(p), true
			}
			i, escaped = i+1, false
		}
		stop = len(p)
		n := bytes.IndexByte(p[i:], '"')
		if n >= 0 {
			stop = i + n
		}
		for k := stop - 1; k >= i && p[k] == '\\'; k-- {
			escaped = !escaped
		}
		if n < 0 || !escaped {
			return stop, escaped
		}
		i = stop // the quote is escaped
	}
}

// maxKey is the longest name that is compared.
const maxKey = 256

func (s *scanner) name(p []byte, i int) int {
	stop, escaped := closing(p, i, s.escaped)
	s.escaped = escaped
	key := p[i:stop]
	if stop == len(p) || len(s.key) > 0 {
		if len(s.key)+len(key) > maxKey {
			s.long = true
		} else {
			s.key = append(s.key, key...)
		}
		key = s.key
	}
	if stop == len(p) {
		return stop
	}
	s.at, s.state = nil, sColon
	if s.long || len(key) > maxKey {
		return stop + 1
	}
	keys := s.stack[len(s.stack)-1].node.keys
	if bytes.IndexByte(key, '\\') < 0 {
		s.at = keys[string(key)]
	} else if plain, err := jsontext.AppendUnquote(nil, append(append([]byte{'"'}, key...), '"')); err == nil {
		s.at = keys[string(plain)]
	}
	return stop + 1
}

func (s *scanner) str(p []byte, i int) int {
	stop, escaped := closing(p, i, s.escaped)
	s.escaped = escaped
	if stop == len(p) {
		s.more(p[i:])
		return stop
	}
	s.more(p[i : stop+1])
	s.found()
	return stop + 1
}

func (s *scanner) scalar(p []byte, i int) int {
	from := i
	for i < len(p) && p[i] != ',' && p[i] != '}' && p[i] != ']' && !isSpace(p[i]) {
		i++
	}
	s.more(p[from:i])
	if i < len(p) {
		s.found()
	}
	return i
}

func (s *scanner) inside(p []byte, i int) int {
	from := i
	for i < len(p) {
		if s.inStr {
			stop, escaped := closing(p, i, s.escaped)
			s.escaped = escaped
			if stop == len(p) {
				i = stop
				break
			}
			s.inStr, i = false, stop+1
			continue
		}
		c := p[i]
		i++
		switch c {
		case '"':
			s.inStr, s.escaped = true, false
		case '{', '[':
			s.deep++
		case '}', ']':
			s.deep--
			if s.deep == 0 {
				s.more(p[from:i])
				s.found()
				return i
			}
		}
	}
	s.more(p[from:i])
	return i
}
