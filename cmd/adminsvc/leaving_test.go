package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWhoLeavesIsUnreadyAndClosesConnections(t *testing.T) {
	var l leaving
	server := httptest.NewServer(l.tell(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer server.Close()
	ready := l.ready(func(context.Context) error { return nil })
	for _, left := range []bool{false, true} {
		if left {
			l.begin(0)
		}
		resp, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := ready(t.Context()); resp.Close != left || (err != nil) != left {
			t.Errorf("leaving %v: closes %v, ready: %v", left, resp.Close, err)
		}
	}
}
