package supervise

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	maxLog      = 16 << 20 // a log of this size is set aside when its child starts
	tailBytes   = 4 << 10
	maxLine     = 2 << 10 // of a line said aloud
	aloudBurst  = 10      // lines said aloud …
	aloudPeriod = 10 * time.Second
)

// trouble matches what slog, PostgreSQL, Envoy and the Go runtime write before bad news.
var trouble = regexp.MustCompile(`level=(WARN|ERROR)|"level":"(WARN|ERROR)"| (FATAL|PANIC): |\]\[(error|critical)\]|^panic: |^fatal error: `)

// Trouble reports whether a line of a log is worth showing to whoever watches.
func Trouble(line string) bool { return trouble.MatchString(line) }

// logWriter appends a child's output to its file, keeps the end of it, and offers
// whole lines to a listener, not more than aloudBurst in a period.
type logWriter struct {
	heard func(line string) bool // whether it was said aloud

	mu      sync.Mutex
	file    *os.File
	tail    []byte
	partial []byte
	period  time.Time
	said    int
}

func openLog(path string, heard func(string) bool) (*logWriter, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	// Readable by the owner alone: a library's log may quote what it should not.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &logWriter{heard: heard, file: f}, nil
}

// Write never fails: a full disk must not stop the child.
func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_, _ = l.file.Write(p)
	}
	l.tail = append(l.tail, p...)
	if over := len(l.tail) - tailBytes; over > 0 {
		l.tail = append(l.tail[:0], l.tail[over:]...)
	}
	rest := p
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(l.partial); room > 0 {
			l.partial = append(l.partial, line[:min(room, len(line))]...)
		}
		if !found {
			return len(p), nil
		}
		l.offer(strings.TrimRight(string(l.partial), "\r"))
		l.partial, rest = l.partial[:0], after
	}
}

// offer passes a line on, unless too many were already.
func (l *logWriter) offer(line string) {
	now := time.Now()
	if now.Sub(l.period) > aloudPeriod {
		l.period, l.said = now, 0
	}
	if l.said >= aloudBurst {
		return
	}
	if l.heard(line) {
		l.said++
	}
}

// Tail is the end of the output so far.
func (l *logWriter) Tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.tail))
}

// Close closes the file; what is written afterwards is dropped.
func (l *logWriter) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.file.Close()
	l.file = nil
	return err
}
