package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// drained stops one of two extprocs while streams run through Envoy: each ends whole, and nobody who calls meanwhile is turned away.
func (s *rollout) drained(t *testing.T, state string) {
	pid := func() string {
		text, _ := os.ReadFile(filepath.Join(state, "extproc.pid"))
		return strings.TrimSpace(string(text))
	}
	key := s.manage(t, "/key/generate", "{}", "key")
	const each = 6
	const calls = 60 // one in a hundred was turned away once
	begun, ends := make(chan struct{}, each), make(chan error, each)
	for range each {
		go func() {
			req, err := http.NewRequest("POST", s.info.URL+"/v1/chat/completions", strings.NewReader(
				`{"model":"gpt-4","stream":true,"messages":[{"role":"user","content":"fake:{\"output_tokens\":30,\"chunks\":30,\"delay_ms\":60}"}]}`))
			if err != nil {
				ends <- err
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+key)
			r, err := http.DefaultClient.Do(req)
			begun <- struct{}{}
			if err != nil {
				ends <- err
				return
			}
			defer r.Body.Close()
			text, err := io.ReadAll(r.Body)
			if err == nil && (r.StatusCode != 200 || !strings.Contains(string(text), "[DONE]")) {
				err = fmt.Errorf("status %d, %s", r.StatusCode, text)
			}
			ends <- err
		}()
	}
	for range each {
		<-begun
	}
	before := pid()
	n, err := strconv.Atoi(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range calls {
		if got, text := s.ask(t, key, "/v1/chat/completions", hello); got != 200 {
			t.Errorf("a new call meanwhile: %d %s", got, text)
		}
	}
	for range each {
		if err := <-ends; err != nil {
			t.Errorf("a stream under way: %v", err)
		}
	}
	for deadline := time.Now().Add(time.Minute); pid() == before || pid() == ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not run again")
		}
	}
}
