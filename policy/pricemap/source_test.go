package pricemap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// priced is a map of so many models, all at one price.
func priced(models int, price string) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range models {
		fmt.Fprintf(&b, `%s"m%d":{"input_cost_per_token":%s,"output_cost_per_token":0}`, strings.Repeat(",", min(i, 1)), i, price)
	}
	return b.String() + "}"
}

// published is a server of price maps whose answer can be changed.
type published struct {
	*httptest.Server
	now atomic.Pointer[http.HandlerFunc]
}

func publish(t *testing.T, first http.HandlerFunc) *published {
	p := &published{}
	p.now.Store(&first)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*p.now.Load())(w, r) }))
	t.Cleanup(p.Close)
	return p
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// told is a log that says when something new stands in it.
type told struct {
	lines chan string
}

func (l *told) Write(p []byte) (int, error) { l.lines <- string(p); return len(p), nil }

func (l *told) wait(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line := <-l.lines:
			if strings.Contains(line, text) {
				return
			}
		case <-deadline:
			t.Fatalf("the log never says %q", text)
		}
	}
}

func TestSourceKeepsTheOldMapWhateverComes(t *testing.T) {
	keep := t.TempDir()
	p := publish(t, text(priced(10, "1e-6")))
	log := &told{make(chan string, 100)}
	cfg := SourceConfig{From: p.URL + "/prices.json?token=secret-token", Keep: keep, Every: 5 * time.Millisecond, Wait: 100 * time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil))}
	s, err := NewSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	now, err := s.Open(t.Context())
	if err != nil || now.Len() != 10 {
		t.Fatalf("%v, %v", now, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	put := make(chan *Map, 10)
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx, now, func(m *Map) { put <- m }) }()
	defer func() { stop(); <-done }()
	hanging := make(chan struct{})
	defer close(hanging)
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		says string
	}{
		{"bad JSON", text(`{"m":`), "price map: "},
		{"another JSON", text(`[]`), "price map: "},
		{"a page", text(`<html>`), "price map: "},
		{"nothing in it", text(`{}`), "no models"},
		{"most of it gone", text(priced(4, "1e-6")), "4 models only"},
		{"missing", http.NotFound, "answered 404"},
		{"huge", func(w http.ResponseWriter, r *http.Request) {
			block := bytes.Repeat([]byte(" "), 1<<20)
			for range mostBytes>>20 + 2 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, "the new price map cannot be used"},
		{"a server that hangs", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hanging:
			case <-r.Context().Done():
			}
		}, "deadline exceeded"},
		{"a server that hangs within", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"m0":`)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-hanging:
			case <-r.Context().Done():
			}
		}, "the new price map cannot be used"},
	} {
		good := text(priced(10, "1e-6"))
		p.now.Store(&good) // so that the next trouble is news
		<-put
		p.now.Store(&c.h)
		log.wait(t, c.says)
		if t.Failed() {
			t.Fatal(c.name)
		}
	}
	good := text(priced(9, "2e-6"))
	p.now.Store(&good)
	for {
		if m := <-put; m.Len() == 9 {
			break
		}
	}
	p.CloseClientConnections()
	p.Close()
	log.wait(t, "cannot be used")
	// A start without the server has the last good copy; with another URL it has not.
	again, err := NewSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := again.Open(t.Context())
	if err != nil || kept.Len() != 9 {
		t.Fatalf("%v, %v", kept, err)
	}
	if e, ok := kept.Lookup("", "m1"); !ok || e.Price.Input != 2_000_000_000 {
		t.Errorf("%+v", e)
	}
	cfg.From = p.URL + "/others.json"
	other, _ := NewSource(cfg)
	if m, err := other.Open(t.Context()); err != nil || m != Default() {
		t.Errorf("%v, %v", m.Len(), err)
	}
	files, _ := filepath.Glob(keep + "/*")
	if len(files) != 1 {
		t.Errorf("kept %v", files)
	}
	for {
		select {
		case line := <-log.lines:
			if strings.Contains(line, "secret-token") {
				t.Errorf("a secret is logged: %s", line)
			}
			continue
		default:
		}
		break
	}
}

// A damaged copy is not taken for a price map.
func TestSourceWithADamagedCopy(t *testing.T) {
	keep := t.TempDir()
	s, err := NewSource(SourceConfig{From: "http://127.0.0.1:1/prices.json", Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file(), []byte(`{"m":{"input_cost`), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Open(t.Context()); err != nil || m != Default() {
		t.Errorf("%v", err)
	}
}

func TestSourceAsksForNewsOnly(t *testing.T) {
	var asked, same atomic.Int64
	p := publish(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("if-none-match") == `"v1"` {
			same.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("etag", `"v1"`)
		_, _ = io.WriteString(w, priced(3, "1e-6"))
	})
	s, err := NewSource(SourceConfig{From: p.URL, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx, m, func(*Map) { t.Error("what is the same was handed over") }) }()
	for same.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	stop()
	<-done
	if asked.Load()-same.Load() > 2 {
		t.Errorf("asked %d times, told %d times that it is the same", asked.Load(), same.Load())
	}
}

func TestSourceIsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "prices.json")
	s, err := NewSource(SourceConfig{From: name, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context()); err == nil {
		t.Error("a file that is not there is no error at the start")
	}
	write := func(text string) {
		if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	write(priced(3, "1e-6"))
	m, err := s.Open(t.Context())
	if err != nil || m.Len() != 3 {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	put := make(chan *Map, 10)
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx, m, func(m *Map) { put <- m }) }()
	write(priced(4, "1e-6"))
	if m := <-put; m.Len() != 4 {
		t.Error(m.Len())
	}
	stop()
	<-done
	for _, from := range []string{"ftp://h/x", "https://", "http://%zz"} {
		if _, err := NewSource(SourceConfig{From: from}); err == nil {
			t.Errorf("%s is taken", from)
		}
	}
}
