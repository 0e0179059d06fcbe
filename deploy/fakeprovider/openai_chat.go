package fakeprovider

import (
	"cmp"
	"encoding/json"
	"net/http"
)

type chatRequest struct {
	Model               string          `json:"model"`
	Messages            []message       `json:"messages"`
	Stream              bool            `json:"stream"`
	StreamOptions       streamOptions   `json:"stream_options"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	N                   *int            `json:"n"`
	Tools               json.RawMessage `json:"tools"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type chatReply struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"`
	Created           int64           `json:"created"`
	Model             string          `json:"model"`
	Choices           []chatChoice    `json:"choices"`
	Usage             json.RawMessage `json:"usage,omitempty"`
	ServiceTier       string          `json:"service_tier"`
	SystemFingerprint string          `json:"system_fingerprint"`
}

type chatChoice struct {
	Index        int          `json:"index"`
	Message      *chatMessage `json:"message,omitempty"`
	Delta        *chatDelta   `json:"delta,omitempty"`
	Logprobs     any          `json:"logprobs"`
	FinishReason *string      `json:"finish_reason"`
}

type chatMessage struct {
	Role        string     `json:"role"`
	Content     *string    `json:"content"`
	Refusal     *string    `json:"refusal"`
	ToolCalls   []toolCall `json:"tool_calls,omitempty"`
	Annotations []object   `json:"annotations"`
}

type chatDelta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

type toolCall struct {
	Index    *int         `json:"index,omitempty"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function toolFunction `json:"function"`
}

type toolFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type chatUsage struct {
	PromptTokens            int               `json:"prompt_tokens"`
	CompletionTokens        int               `json:"completion_tokens"`
	TotalTokens             int               `json:"total_tokens"`
	PromptTokensDetails     promptDetails     `json:"prompt_tokens_details"`
	CompletionTokensDetails completionDetails `json:"completion_tokens_details"`
}

type promptDetails struct {
	CachedTokens int `json:"cached_tokens"`
	AudioTokens  int `json:"audio_tokens"`
}

type completionDetails struct {
	ReasoningTokens          int `json:"reasoning_tokens"`
	AudioTokens              int `json:"audio_tokens"`
	AcceptedPredictionTokens int `json:"accepted_prediction_tokens"`
	RejectedPredictionTokens int `json:"rejected_prediction_tokens"`
}

var null = json.RawMessage("null")

// chatUsageJSON is the usage object of the chat and completions APIs.
func (c *call) chatUsageJSON(prompt, completion, reasoning int) json.RawMessage {
	return marshal(chatUsage{
		PromptTokens: prompt, CompletionTokens: completion, TotalTokens: prompt + completion,
		PromptTokensDetails:     promptDetails{CachedTokens: c.in.CachedTokens, AudioTokens: c.in.AudioTokens},
		CompletionTokensDetails: completionDetails{ReasoningTokens: reasoning},
	})
}

// wholeUsage is what a reply that is no stream carries.
func (c *call) wholeUsage(usage json.RawMessage) json.RawMessage {
	switch c.in.Usage {
	case "none":
		return nil
	case "null":
		return null
	}
	return usage
}

// finish is the reason that a choice ended.
func (c *call) finish(a answer, whole, cut, tool string) *string {
	reason := whole
	switch {
	case a.cut:
		reason = cut
	case c.in.Tool != "":
		reason = tool
	}
	reason = cmp.Or(c.in.FinishReason, reason)
	return &reason
}

func serveChat(c *call) error {
	var req chatRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt, text := chatPrompt(req.Messages)
	prompt += countJSON(req.Tools)
	a := ask{
		model: req.Model, stream: req.Stream, text: text, prompt: prompt,
		limit: limitOf(req.MaxTokens, req.MaxCompletionTokens), id: newID("chatcmpl-"),
	}
	if ok, err := c.begin(a); !ok {
		return err
	}
	n := value(req.N, 1)
	if len(req.Messages) == 0 || n < 1 || n > 128 {
		return c.fail(http.StatusBadRequest, "Invalid 'messages' or 'n': expected at least one, and at most 128 choices.")
	}
	said := compose(c.in, a.limit)
	c.bill(n*said.output(), n*said.reasoning)
	reply := chatReply{
		ID: a.id, Object: "chat.completion", Created: c.p.opts.Now().Unix(), Model: c.model,
		ServiceTier: "default", SystemFingerprint: "fp_fake",
	}
	if req.Stream {
		return ended(c.streamChat(reply, said, n, prompt, req.StreamOptions.IncludeUsage))
	}
	finish := c.finish(said, "stop", "length", "tool_calls")
	for i := range n {
		m := &chatMessage{Role: "assistant", Annotations: []object{}}
		if text := said.text(); c.in.Tool != "" {
			m.ToolCalls = []toolCall{{ID: newID("call_"), Type: "function", Function: toolFunction{Name: c.in.Tool, Arguments: text}}}
		} else {
			m.Content = &text
		}
		reply.Choices = append(reply.Choices, chatChoice{Index: i, Message: m, FinishReason: finish})
	}
	reply.Usage = c.wholeUsage(c.chatUsageJSON(prompt, n*said.output(), n*said.reasoning))
	return c.usageReply(reply, n*said.tokens)
}

func (c *call) streamChat(reply chatReply, said answer, n, prompt int, include bool) error {
	s, err := c.openStream("text/event-stream; charset=utf-8")
	if err != nil {
		return err
	}
	reply.Object = "chat.completion.chunk"
	written := 0 // tokens so far, over all choices
	running := func() json.RawMessage {
		return c.chatUsageJSON(prompt, written+n*said.reasoning, n*said.reasoning)
	}
	chunk := func(i int, d chatDelta, finish *string) chatReply {
		r := reply
		r.Choices = []chatChoice{{Index: i, Delta: &d, FinishReason: finish}}
		switch {
		case c.in.Usage == "cumulative":
			r.Usage = running()
		case c.in.Usage == "none" || c.in.Usage == "final":
		case c.in.Usage == "null" || include:
			r.Usage = null
		}
		return r
	}
	empty := ""
	for i := range n {
		d := chatDelta{Role: "assistant", Content: &empty}
		if c.in.Tool != "" {
			zero := 0
			d = chatDelta{Role: "assistant", ToolCalls: []toolCall{{Index: &zero, ID: newID("call_"), Type: "function", Function: toolFunction{Name: c.in.Tool}}}}
		}
		if err := s.event("", chunk(i, d, nil)); err != nil {
			return err
		}
	}
	for _, piece := range said.deltas(c.in.Chunks) {
		for i := range n {
			written += piece.tokens
			d := chatDelta{Content: &piece.text}
			if c.in.Tool != "" {
				zero := 0
				d = chatDelta{ToolCalls: []toolCall{{Index: &zero, Function: toolFunction{Arguments: piece.text}}}}
			}
			if err := s.text("", chunk(i, d, nil), piece.tokens); err != nil {
				return err
			}
			if c.in.Usage == "cumulative" {
				s.reported()
			}
		}
	}
	if err := s.interrupt(); err != nil {
		return err
	}
	written = n * said.tokens
	for i := range n {
		r := chunk(i, chatDelta{}, c.finish(said, "stop", "length", "tool_calls"))
		if c.in.Usage == "final" && i == n-1 {
			r.Usage = running()
			s.reported()
		}
		if err := s.event("", r); err != nil {
			return err
		}
	}
	ask := include || c.in.Usage == "always"
	withUsage := ask && c.in.Usage != "none" && c.in.Usage != "null" && c.in.Usage != "final"
	if withUsage {
		r := reply
		r.Choices, r.Usage = []chatChoice{}, running()
		if c.in.NoDone {
			err = s.last("", r)
		} else {
			err = s.event("", r)
		}
		if err != nil {
			return err
		}
		s.reported()
	}
	if c.in.NoDone {
		return s.end()
	}
	return s.last("", "[DONE]")
}
