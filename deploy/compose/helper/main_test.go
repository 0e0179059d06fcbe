package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestGetTellsReadyFromNot(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	for url, ok := range map[string]bool{server.URL + "/ready": true, server.URL + "/other": false, "http://127.0.0.1:1/": false, "nonsense": false} {
		if err := run(t.Context(), []string{"get", url}); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestProviderAsksForItsKey(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- provide(ctx, l, "sk-of-this-test") }()
	base := "http://" + l.Addr().String()
	if err := get(t.Context(), base+"/_fake/stats"); err != nil {
		t.Error(err)
	}
	if err := get(t.Context(), base+"/v1/models"); err == nil {
		t.Error("it answers without a key")
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}

func TestWhatItRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := provide(t.Context(), l, ""); err == nil {
		t.Error("a provider without a key")
	}
	for _, args := range [][]string{nil, {"get"}, {"provider", "x"}, {"sail"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
