package fakeprovider

import (
	"encoding/json"
	"net/http"
)

type messagesRequest struct {
	Model     string          `json:"model"`
	System    json.RawMessage `json:"system"`
	Messages  []message       `json:"messages"`
	Stream    bool            `json:"stream"`
	MaxTokens *int            `json:"max_tokens"`
	Tools     json.RawMessage `json:"tools"`
}

type messagesReply struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Role         string          `json:"role"`
	Model        string          `json:"model"`
	Content      []object        `json:"content"`
	StopReason   *string         `json:"stop_reason"`
	StopSequence *string         `json:"stop_sequence"`
	Usage        json.RawMessage `json:"usage,omitempty"`
}

// anthropicUsage counts disjoint parts: input_tokens leaves out what was read from
// and written to the cache.
type anthropicUsage struct {
	InputTokens              int    `json:"input_tokens"`
	CacheCreationInputTokens int    `json:"cache_creation_input_tokens"`
	CacheReadInputTokens     int    `json:"cache_read_input_tokens"`
	CacheCreation            object `json:"cache_creation"`
	OutputTokens             int    `json:"output_tokens"`
	ServiceTier              string `json:"service_tier"`
}

func (c *call) anthropicUsage(prompt, output int) json.RawMessage {
	return marshal(anthropicUsage{
		InputTokens:              prompt - c.in.CachedTokens - c.in.CacheWriteTokens,
		CacheCreationInputTokens: c.in.CacheWriteTokens,
		CacheReadInputTokens:     c.in.CachedTokens,
		CacheCreation:            object{"ephemeral_5m_input_tokens": c.in.CacheWriteTokens, "ephemeral_1h_input_tokens": 0},
		OutputTokens:             output,
		ServiceTier:              "standard",
	})
}

func (r messagesRequest) prompt() (tokens int, last string) {
	tokens, last = chatPrompt(r.Messages)
	if _, n := content(r.System); n > 0 {
		tokens += perMessage + n
	}
	return tokens + countJSON(r.Tools), last
}

func serveMessagesCount(c *call) error {
	var req messagesRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt, text := req.prompt()
	if ok, err := c.begin(ask{model: req.Model, text: text, prompt: prompt}); !ok {
		return err
	}
	return c.reply(http.StatusOK, object{"input_tokens": prompt})
}

func serveMessages(c *call) error {
	var req messagesRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt, text := req.prompt()
	a := ask{model: req.Model, stream: req.Stream, text: text, prompt: prompt, limit: limitOf(req.MaxTokens), id: newID("msg_")}
	if ok, err := c.begin(a); !ok {
		return err
	}
	if req.MaxTokens == nil || len(req.Messages) == 0 {
		return c.fail(http.StatusBadRequest, "max_tokens, messages: Field required")
	}
	said := compose(c.in, a.limit)
	c.bill(said.output(), said.reasoning)
	reply := messagesReply{ID: a.id, Type: "message", Role: "assistant", Model: c.model, Content: []object{}}
	if req.Stream {
		return ended(c.streamMessages(reply, said, prompt))
	}
	reply.StopReason = c.finish(said, "end_turn", "max_tokens", "tool_use")
	reply.Usage = c.wholeUsage(c.anthropicUsage(prompt, said.output()))
	if c.in.Tool != "" {
		input := json.RawMessage(said.text())
		if !json.Valid(input) { // cut by the cap
			input = json.RawMessage("{}")
		}
		reply.Content = append(reply.Content, object{"type": "tool_use", "id": newID("toolu_"), "name": c.in.Tool, "input": input})
	} else {
		reply.Content = append(reply.Content, object{"type": "text", "text": said.text()})
	}
	return c.usageReply(reply, said.tokens)
}

func (c *call) streamMessages(reply messagesReply, said answer, prompt int) error {
	s, err := c.openStream("text/event-stream; charset=utf-8")
	if err != nil {
		return err
	}
	send := func(name string, fields object) error {
		fields["type"] = name
		return s.event(name, fields)
	}
	// The real provider says 1 output token here, before it knows.
	reply.Usage = c.wholeUsage(c.anthropicUsage(prompt, 1))
	if err := send("message_start", object{"message": reply}); err != nil {
		return err
	}
	if c.in.Usage != "none" && c.in.Usage != "null" {
		s.reported()
	}
	block := object{"type": "text", "text": ""}
	if c.in.Tool != "" {
		block = object{"type": "tool_use", "id": newID("toolu_"), "name": c.in.Tool, "input": object{}}
	}
	if err := send("content_block_start", object{"index": 0, "content_block": block}); err != nil {
		return err
	}
	if err := send("ping", object{}); err != nil {
		return err
	}
	written := said.reasoning
	for _, piece := range said.deltas(c.in.Chunks) {
		d := object{"type": "text_delta", "text": piece.text}
		if c.in.Tool != "" {
			d = object{"type": "input_json_delta", "partial_json": piece.text}
		}
		const name = "content_block_delta"
		if err := s.text(name, object{"type": name, "index": 0, "delta": d}, piece.tokens); err != nil {
			return err
		}
		if written += piece.tokens; c.in.Usage == "cumulative" {
			if err := send("message_delta", object{"delta": object{"stop_reason": nil, "stop_sequence": nil}, "usage": object{"output_tokens": written}}); err != nil {
				return err
			}
		}
	}
	if err := s.interrupt(); err != nil {
		return err
	}
	if err := send("content_block_stop", object{"index": 0}); err != nil {
		return err
	}
	end := object{"delta": object{"stop_reason": c.finish(said, "end_turn", "max_tokens", "tool_use"), "stop_sequence": nil}}
	switch c.in.Usage {
	case "none":
	case "null":
		end["usage"] = nil
	case "final": // as some compatible providers do, everything comes at the end
		end["usage"] = c.anthropicUsage(prompt, said.output())
	default:
		end["usage"] = object{"output_tokens": said.output()}
	}
	if err := send("message_delta", end); err != nil {
		return err
	}
	return s.last("message_stop", object{"type": "message_stop"})
}
