package main

import (
	"bufio"
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// redisThat answers each connection's first line with what reply says for it.
func redisThat(t *testing.T, reply func(n int64) string) (addr string, asked *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil && line == "PING\r\n" {
				_, _ = conn.Write([]byte(reply(asked.Add(1))))
			}
			conn.Close()
		}
	}()
	return l.Addr().String(), asked
}

// A Redis that is started again reads what it kept first, and says so to whoever asks.
func TestRedisIsWaitedForWhileItLoads(t *testing.T) {
	addr, asked := redisThat(t, func(n int64) string {
		if n < 4 {
			return "-LOADING Redis is loading the dataset in memory\r\n"
		}
		return "+PONG\r\n"
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := answersPing(addr)(ctx); err != nil || asked.Load() != 4 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestRedisThatNeverServesIsToldWithWhatItSaid(t *testing.T) {
	addr, _ := redisThat(t, func(int64) string { return "-LOADING Redis is loading the dataset in memory\r\n" })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := answersPing(addr)(ctx); err == nil || !strings.Contains(err.Error(), "LOADING") && ctx.Err() == nil {
		t.Errorf("got %v", err)
	}
}
