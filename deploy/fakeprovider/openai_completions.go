package fakeprovider

import (
	"encoding/json"
	"net/http"
)

type completionRequest struct {
	Model         string          `json:"model"`
	Prompt        json.RawMessage `json:"prompt"`
	Stream        bool            `json:"stream"`
	StreamOptions streamOptions   `json:"stream_options"`
	MaxTokens     *int            `json:"max_tokens"`
	N             *int            `json:"n"`
}

type completionReply struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   json.RawMessage    `json:"usage,omitempty"`
}

type completionChoice struct {
	Text         string  `json:"text"`
	Index        int     `json:"index"`
	Logprobs     any     `json:"logprobs"`
	FinishReason *string `json:"finish_reason"`
}

func serveCompletions(c *call) error {
	var req completionRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	texts, prompt, ok := inputs(req.Prompt)
	a := ask{model: req.Model, stream: req.Stream, text: last(texts), prompt: prompt, limit: limitOf(req.MaxTokens), id: newID("cmpl-")}
	if ok, err := c.begin(a); !ok {
		return err
	}
	n := value(req.N, 1) * len(texts) // each prompt gets n choices
	if !ok || n < 1 || n > 128 {
		return c.fail(http.StatusBadRequest, "Invalid 'prompt' or 'n'.")
	}
	if a.limit == 0 && c.in.OutputTokens == nil {
		a.limit = 16 // the API's own default
	}
	said := compose(c.in, a.limit)
	c.bill(n*said.output(), n*said.reasoning)
	finish := c.finish(said, "stop", "length", "stop")
	usage := c.chatUsageJSON(prompt, n*said.output(), n*said.reasoning)
	reply := completionReply{ID: a.id, Object: "text_completion", Created: c.p.opts.Now().Unix(), Model: c.model}
	if !req.Stream {
		for i := range n {
			reply.Choices = append(reply.Choices, completionChoice{Text: said.text(), Index: i, FinishReason: finish})
		}
		reply.Usage = c.wholeUsage(usage)
		return c.usageReply(reply, n*said.tokens)
	}
	return ended(c.streamCompletions(reply, said, n, usage, finish, req.StreamOptions.IncludeUsage))
}

func (c *call) streamCompletions(reply completionReply, said answer, n int, usage json.RawMessage, finish *string, include bool) error {
	s, err := c.openStream("text/event-stream; charset=utf-8")
	if err != nil {
		return err
	}
	if (include && c.in.Usage == "") || c.in.Usage == "null" {
		reply.Usage = null
	}
	for _, piece := range said.deltas(c.in.Chunks) {
		for i := range n {
			r := reply
			r.Choices = []completionChoice{{Text: piece.text, Index: i}}
			if err := s.text("", r, piece.tokens); err != nil {
				return err
			}
		}
	}
	if err := s.interrupt(); err != nil {
		return err
	}
	for i := range n {
		r := reply
		r.Choices = []completionChoice{{Index: i, FinishReason: finish}}
		if c.in.Usage == "final" && i == n-1 {
			r.Usage = usage
			s.reported()
		}
		if err := s.event("", r); err != nil {
			return err
		}
	}
	if (include && c.in.Usage == "") || c.in.Usage == "always" || c.in.Usage == "cumulative" {
		r := reply
		r.Choices, r.Usage = []completionChoice{}, usage
		if err := s.event("", r); err != nil {
			return err
		}
		s.reported()
	}
	if c.in.NoDone {
		return s.end()
	}
	return s.last("", "[DONE]")
}
