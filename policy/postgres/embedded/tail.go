package embedded

import (
	"io"
	"strings"
	"sync"
)

// tailBytes is enough for the lines in which PostgreSQL says why it will not start.
const tailBytes = 4 << 10

// tail passes what is written on to a log and remembers the end of it, for error texts.
type tail struct {
	to io.Writer // may be nil

	mu   sync.Mutex
	last []byte
}

func newTail(to io.Writer) *tail { return &tail{to: to} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.last = append(t.last, p...)
	if over := len(t.last) - tailBytes; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	t.mu.Unlock()
	if t.to != nil {
		return t.to.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
