package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// leaving is a server on its way out. A connection that is closed while a request is on
// its way to it is an error to the client: a balancer does not send again what may have
// been done. So for a while before, each answer says that it is its connection's last.
type leaving struct{ now atomic.Bool }

var errStopping = errors.New("this server is stopping")

// ready is not, once the server leaves.
func (l *leaving) ready(check func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if l.now.Load() {
			return errStopping
		}
		return check(ctx)
	}
}

func (l *leaving) tell(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.now.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// begin returns when those who ask often have been told.
func (l *leaving) begin(delay time.Duration) {
	l.now.Store(true)
	time.Sleep(delay)
}
