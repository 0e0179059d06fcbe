package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoaderCountsAndTimes(t *testing.T) {
	var served, under, most atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		for n := under.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		defer under.Add(-1)
		if got := r.Header.Get("Authorization"); got != "Bearer "+benchKey {
			t.Errorf("credential %q", got)
		}
		upstream(w, r)
	}))
	defer server.Close()
	for _, q := range []query{jsonQuery, streamQuery} {
		served.Store(0)
		most.Store(0)
		l, err := newLoader(t.Context(), server.Listener.Addr().String(), benchKey, q, 3)
		if err != nil {
			t.Fatal(err)
		}
		all, err := l.run(t.Context(), 10, time.Minute)
		l.close()
		if err != nil || len(all) != 10 || served.Load() != 10 || most.Load() > 3 {
			t.Errorf("%s: %d timed, %d served, %d at a time, %v", q.name, len(all), served.Load(), most.Load(), err)
		}
		for _, took := range all {
			if took.first <= 0 || took.whole < took.first {
				t.Errorf("%s: %+v", q.name, took)
			}
			if q.stream && took.whole < (streamEvents-1)*eventPause {
				t.Errorf("a stream of %d events took %s", streamEvents, took.whole)
			}
		}
	}
}

func TestLoaderRefusesRepliesThatAreNotWhole(t *testing.T) {
	event := string(streamEvent)
	for _, c := range []struct {
		name  string
		query query
		reply http.HandlerFunc
		want  string
	}{
		{"a refusal", jsonQuery, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no budget", 422) }, "status 422: no budget"},
		{"nothing", jsonQuery, func(http.ResponseWriter, *http.Request) {}, "an empty reply"},
		{"a stream too short", streamQuery, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(event, streamEvents)))
		}, "a stream of 100 events, want 101"},
		{"a body cut short", jsonQuery, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
		}, "EOF"},
		{"nobody metered it", query{body: "{}", carries: "x-litellm-response-cost"}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("{}"))
		}, "no header x-litellm-response-cost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.reply)
			defer server.Close()
			l, err := newLoader(t.Context(), server.Listener.Addr().String(), benchKey, c.query, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			if _, err := l.run(t.Context(), 4, time.Minute); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// An event that is cut anywhere is counted once.
func TestEventsAreCountedAcrossReads(t *testing.T) {
	whole := strings.Repeat("data: {}\n\n", 3) + "data: [DONE]\n\n"
	for cut := 1; cut < len(whole); cut++ {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(whole[:cut]))
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write([]byte(whole[cut:]))
		}))
		for events, ok := range map[int]bool{4: true, 5: false} {
			l, err := newLoader(t.Context(), server.Listener.Addr().String(), benchKey, query{stream: true, events: events}, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.run(t.Context(), 1, time.Minute); (err == nil) != ok {
				t.Errorf("cut at %d, %d events wanted: %v", cut, events, err)
			}
			l.close()
		}
		server.Close()
	}
}

func TestLoaderKeepsItsBound(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(upstream))
	defer server.Close()
	l, err := newLoader(t.Context(), server.Listener.Addr().String(), benchKey, jsonQuery, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	all, err := l.run(t.Context(), 1<<40, 50*time.Millisecond)
	if err != nil || len(all) == 0 {
		t.Errorf("%d requests, %v", len(all), err)
	}
}
