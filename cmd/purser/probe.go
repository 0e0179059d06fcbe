package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// answers polls a URL until it answers 200.
func answers(url string) func(context.Context) error {
	return polled(func(ctx context.Context) error { return get(ctx, url) })
}

// answersPing polls a Redis until it serves: one that is still reading what it kept
// listens already, and answers that it is loading.
func answersPing(addr string) func(context.Context) error {
	return polled(func(ctx context.Context) error {
		conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
			return err
		}
		line, err := bufio.NewReader(io.LimitReader(conn, 500)).ReadString('\n')
		if err != nil {
			return err
		}
		if line = strings.TrimSpace(line); line != "+PONG" {
			return fmt.Errorf("it answers %s", line)
		}
		return nil
	})
}

// polled repeats a probe until it succeeds or its time is over.
func polled(probe func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			err := probe(ctx)
			if err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := localClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("it answers %s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// localClient asks our own children; a proxy for the internet has no part in that.
var localClient = &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}

// drainEnvoy makes Envoy take no new connection and waits until no request is under
// way, or ctx ends. On SIGTERM alone, Envoy would cut every call at once.
func drainEnvoy(ctx context.Context, adminURL string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, adminURL+"/drain_listeners", nil)
	if err != nil {
		return
	}
	resp, err := localClient.Do(req)
	if err != nil {
		return
	}
	resp.Body.Close()
	for {
		if active, err := activeRequests(ctx, adminURL); err != nil || active == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// activeRequests counts the requests under way, but those to Envoy's admin interface.
func activeRequests(ctx context.Context, adminURL string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, adminURL+"/stats?format=json&filter=downstream_rq_active$", nil)
	if err != nil {
		return 0, err
	}
	resp, err := localClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var reply struct {
		Stats []struct {
			Name  string `json:"name"`
			Value int64  `json:"value"`
		} `json:"stats"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		return 0, err
	}
	var total int64
	for _, stat := range reply.Stats {
		if strings.HasPrefix(stat.Name, "http.") && !strings.HasPrefix(stat.Name, "http.admin.") {
			total += stat.Value
		}
	}
	return total, nil
}
