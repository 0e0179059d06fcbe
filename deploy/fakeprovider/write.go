package fakeprovider

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// socket writes an answer's body as instructed (in pieces), and counts it.
type socket struct {
	c   *call
	out *http.ResponseController
}

func (s socket) Write(p []byte) (int, error) {
	total := len(p)
	piece := cmp.Or(s.c.in.Split, max(len(p), 1))
	for len(p) > 0 {
		if s.c.r.Context().Err() != nil {
			return 0, errAborted
		}
		n, err := s.c.w.Write(p[:min(piece, len(p))])
		s.c.note(func(r *Record) { r.BytesWritten += int64(n) })
		if err != nil {
			return 0, errAborted
		}
		if s.c.in.Split > 0 {
			if err := s.out.Flush(); err != nil {
				return 0, errAborted
			}
		}
		p = p[n:]
	}
	return total, nil
}

func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte(`{"error":{"message":"fake provider: the answer cannot be encoded"}}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// reply answers with JSON.
func (c *call) reply(status int, v any) error {
	return c.replyBytes(status, "application/json", pad(marshal(v), c.in.BodyBytes))
}

// usageReply is reply with an answer that reports usage.
func (c *call) usageReply(v any, tokens int) error {
	err := c.reply(http.StatusOK, v)
	if err == nil {
		c.note(func(r *Record) {
			r.TokensWritten = tokens
			r.UsageReported = c.in.Usage != "none" && c.in.Usage != "null"
		})
	}
	return err
}

// pad makes an object at least size bytes long, by a first member that means nothing.
func pad(body []byte, size int) []byte {
	const overhead = len(`"padding":"",`)
	if missing := size - len(body); missing > 0 && bytes.HasPrefix(body, []byte("{")) {
		return []byte(`{"padding":"` + strings.Repeat("x", max(0, missing-overhead)) + `",` + string(body[1:]))
	}
	return body
}

// replyBytes answers with a whole body of any type.
func (c *call) replyBytes(status int, contentType string, body []byte) error {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Request-Id", newID("req_"))
	if status == http.StatusOK && c.in.Status != 0 {
		status = c.in.Status
	}
	if c.in.Gzip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		body = b.Bytes()
		h.Set("Content-Encoding", "gzip")
	}
	out := http.NewResponseController(c.w)
	if !c.in.Chunked {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.note(func(r *Record) { r.Status = status })
	c.w.WriteHeader(status)
	if c.in.Chunked {
		if err := out.Flush(); err != nil {
			return errAborted
		}
	}
	reset := c.in.ResetAfter != nil && *c.in.ResetAfter < len(body)
	if reset {
		body = body[:*c.in.ResetAfter]
	}
	if _, err := (socket{c, out}).Write(body); err != nil {
		return err
	}
	if reset {
		_ = out.Flush()
		return errReset
	}
	if c.r.Context().Err() != nil {
		return errAborted
	}
	return nil
}

// stream writes server-sent events.
type stream struct {
	c      *call
	out    *http.ResponseController
	to     io.Writer
	gz     *gzip.Writer
	chunks int // frames with text so far
}

// openStream sends the headers.
func (c *call) openStream(contentType string) (*stream, error) {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Request-Id", newID("req_"))
	s := &stream{c: c, out: http.NewResponseController(c.w)}
	s.to = socket{c, s.out}
	if c.in.Gzip {
		h.Set("Content-Encoding", "gzip")
		s.gz = gzip.NewWriter(s.to)
		s.to = s.gz
	}
	status := cmp.Or(c.in.Status, http.StatusOK)
	c.note(func(r *Record) { r.Status = status })
	c.w.WriteHeader(status)
	if err := s.out.Flush(); err != nil {
		return nil, errAborted
	}
	if c.in.BodyBytes > 0 && strings.HasPrefix(contentType, "text/event-stream") {
		return s, s.write(": " + strings.Repeat("x", c.in.BodyBytes) + "\n\n")
	}
	return s, nil
}

func (s *stream) write(text string) error {
	if s.c.in.CRLF {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if s.c.r.Context().Err() != nil {
		return errAborted
	}
	if _, err := io.WriteString(s.to, text); err != nil {
		return errAborted
	}
	if s.gz != nil {
		if err := s.gz.Flush(); err != nil {
			return errAborted
		}
	}
	if err := s.out.Flush(); err != nil {
		return errAborted
	}
	return nil
}

// frame is one event; name may be empty.
func frame(name string, v any) string {
	data, ok := v.(string)
	if !ok {
		data = string(marshal(v))
	}
	if name != "" {
		return "event: " + name + "\ndata: " + data + "\n\n"
	}
	return "data: " + data + "\n\n"
}

// event sends a frame that carries no text of the answer.
func (s *stream) event(name string, v any) error { return s.write(frame(name, v)) }

// last sends the final frame and ends the stream.
func (s *stream) last(name string, v any) error {
	text := frame(name, v)
	if s.c.in.NoFinalNewline {
		text = strings.TrimRight(text, "\n")
	}
	if err := s.write(text); err != nil {
		return err
	}
	return s.end()
}

// end completes the body.
func (s *stream) end() error {
	if s.gz != nil {
		if err := s.gz.Close(); err != nil {
			return errAborted
		}
	}
	return nil
}

// text sends a frame that carries part of the answer, with what the instructions
// put before and after it: delays, comments, a reset, an error.
func (s *stream) text(name string, v any, tokens int) error {
	if err := s.interrupt(); err != nil {
		return err
	}
	if s.chunks > 0 && !s.c.pause(s.c.in.DelayMS) {
		return errAborted
	}
	if n := s.c.in.Comments; n > 0 {
		if err := s.write(strings.Repeat(": ping\n\n", n)); err != nil {
			return err
		}
	}
	if err := s.event(name, v); err != nil {
		return err
	}
	s.chunks++
	s.c.note(func(r *Record) { r.TokensWritten += tokens; r.ChunksWritten++ })
	return nil
}

// interrupt ends the stream where the instructions say so. Handlers call it also
// after the last frame with text.
func (s *stream) interrupt() error {
	if at := s.c.in.ResetAfter; at != nil && s.chunks >= *at {
		return errReset
	}
	if at := s.c.in.ErrorAfter; at != nil && s.chunks >= *at {
		v := s.c.errors(http.StatusInternalServerError, "The fake provider was told to fail here.")
		name := ""
		if _, anthropic := v.(object)["type"]; anthropic {
			name = "error"
		}
		if err := s.last(name, v); err != nil {
			return err
		}
		return errEnded
	}
	return nil
}

// reported notes that usage has been written.
func (s *stream) reported() { s.c.note(func(r *Record) { r.UsageReported = true }) }

// errEnded says that a stream was ended by an error event: nothing follows, and the
// answer is as complete as it was told to be.
var errEnded = errors.New("ended by instruction")

// ended turns errEnded into success.
func ended(err error) error {
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}
