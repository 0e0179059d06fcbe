package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	streamEvents = 100              // of a streamed answer, besides the usage and the end
	eventPause   = time.Millisecond // between two of them
)

// The requests and the answers are about 1 KB of JSON each. The prompt is prose, since Purser estimates its tokens.
var (
	prompt = strings.Repeat("The purser keeps the accounts of the ship, and nobody leaves before the books are balanced. ", 9)

	jsonQuery   = query{name: "json", body: chatRequest(false)}
	streamQuery = query{name: "sse", body: chatRequest(true), stream: true, events: streamEvents + 1}

	jsonAnswer = []byte(`{"id":"chatcmpl-bench","object":"chat.completion","created":1725000000,"model":"` + providerModel +
		`","choices":[{"index":0,"message":{"role":"assistant","content":"` + prompt[:800] + `"},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":180,"completion_tokens":160,"total_tokens":340}}`)

	streamEvent = []byte("data: " + `{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1725000000,"model":"` + providerModel +
		`","choices":[{"index":0,"delta":{"content":" accounts"},"finish_reason":null}],"usage":null}` + "\n\n")
	streamUsage = []byte("data: " + `{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1725000000,"model":"` + providerModel +
		`","choices":[],"usage":{"prompt_tokens":180,"completion_tokens":100,"total_tokens":280}}` + "\n\n")
	streamEnd = []byte("data: [DONE]\n\n")
)

const (
	publicModel   = "bench-model"
	providerModel = "bench-model-at-the-provider" // another name, so that each request is rewritten
	customerID    = "bench-customer"
)

func chatRequest(stream bool) string {
	return `{"model":"` + publicModel + `","stream":` + strconv.FormatBool(stream) + `,"max_tokens":500,"user":"` + customerID +
		`","messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"` + prompt + `"}]}`
}

// upstream answers like a provider, with as little work as possible: it must not be what is measured.
func upstream(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(jsonAnswer))}
		_, _ = w.Write(jsonAnswer)
		return
	}
	w.Header()["Content-Type"] = []string{"text/event-stream"}
	out := http.NewResponseController(w)
	for i := range streamEvents {
		if i > 0 {
			time.Sleep(eventPause)
		}
		if _, err := w.Write(streamEvent); err != nil {
			return
		}
		_ = out.Flush()
	}
	_, _ = w.Write(streamUsage)
	_, _ = w.Write(streamEnd)
}

func serveUpstream(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: http.HandlerFunc(upstream), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("upstream: %w", err)
	}
	return nil
}
