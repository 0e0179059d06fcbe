package fakeprovider

import (
	"encoding/json"
	"net/http"
)

type responsesRequest struct {
	Model           string          `json:"model"`
	Input           json.RawMessage `json:"input"`
	Instructions    string          `json:"instructions"`
	Stream          bool            `json:"stream"`
	MaxOutputTokens *int            `json:"max_output_tokens"`
	Tools           json.RawMessage `json:"tools"`
}

type responsesReply struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"`
	CreatedAt         int64           `json:"created_at"`
	Status            string          `json:"status"`
	Error             any             `json:"error"`
	IncompleteDetails any             `json:"incomplete_details"`
	Instructions      any             `json:"instructions"`
	MaxOutputTokens   *int            `json:"max_output_tokens"`
	Model             string          `json:"model"`
	Output            []any           `json:"output"` // outputItem, or outputCall of a function
	ParallelToolCalls bool            `json:"parallel_tool_calls"`
	ToolChoice        string          `json:"tool_choice"`
	Tools             []object        `json:"tools"`
	Usage             json.RawMessage `json:"usage,omitempty"`
	Metadata          object          `json:"metadata"`
}

type outputItem struct {
	Type    string       `json:"type"`
	ID      string       `json:"id"`
	Status  string       `json:"status"`
	Role    string       `json:"role"`
	Content []outputText `json:"content"`
}

type outputCall struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	CallID    string `json:"call_id"`
	Status    string `json:"status"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type outputText struct {
	Type        string   `json:"type"`
	Text        string   `json:"text"`
	Annotations []object `json:"annotations"`
	Logprobs    []object `json:"logprobs"`
}

func newOutputText(text string) outputText {
	return outputText{Type: "output_text", Text: text, Annotations: []object{}, Logprobs: []object{}}
}

type responsesUsage struct {
	InputTokens         int    `json:"input_tokens"`
	InputTokensDetails  object `json:"input_tokens_details"`
	OutputTokens        int    `json:"output_tokens"`
	OutputTokensDetails object `json:"output_tokens_details"`
	TotalTokens         int    `json:"total_tokens"`
}

func (r responsesRequest) prompt() (tokens int, text string) {
	if json.Unmarshal(r.Input, &text) == nil {
		tokens, _ = chatPrompt([]message{{Role: "user", Content: r.Input}})
	} else {
		var messages []message
		_ = json.Unmarshal(r.Input, &messages)
		tokens, text = chatPrompt(messages)
	}
	if r.Instructions != "" {
		tokens += perMessage + countTokens("system") + countTokens(r.Instructions)
	}
	return tokens + countJSON(r.Tools), text
}

func serveInputTokens(c *call) error {
	var req responsesRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt, text := req.prompt()
	if ok, err := c.begin(ask{model: req.Model, text: text, prompt: prompt}); !ok {
		return err
	}
	return c.reply(http.StatusOK, object{"object": "response.input_tokens", "input_tokens": prompt})
}

func serveResponses(c *call) error {
	var req responsesRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt, text := req.prompt()
	a := ask{model: req.Model, stream: req.Stream, text: text, prompt: prompt, limit: limitOf(req.MaxOutputTokens), id: newID("resp_")}
	if ok, err := c.begin(a); !ok {
		return err
	}
	said := compose(c.in, a.limit)
	c.bill(said.output(), said.reasoning)
	usage := marshal(responsesUsage{
		InputTokens: prompt, InputTokensDetails: object{"cached_tokens": c.in.CachedTokens},
		OutputTokens: said.output(), OutputTokensDetails: object{"reasoning_tokens": said.reasoning},
		TotalTokens: prompt + said.output(),
	})
	reply := responsesReply{
		ID: a.id, Object: "response", CreatedAt: c.p.opts.Now().Unix(), Status: "in_progress",
		MaxOutputTokens: req.MaxOutputTokens, Model: c.model, Output: []any{},
		ParallelToolCalls: true, ToolChoice: "auto", Tools: []object{}, Metadata: object{},
	}
	item := outputItem{Type: "message", ID: newID("msg_"), Status: "in_progress", Role: "assistant", Content: []outputText{}}
	complete := reply
	complete.Status = "completed"
	if said.cut {
		complete.Status, complete.IncompleteDetails = "incomplete", object{"reason": "max_output_tokens"}
	}
	done := item
	done.Status, done.Content = complete.Status, []outputText{newOutputText(said.text())}
	complete.Output = []any{done}
	callItem := outputCall{Type: "function_call", ID: newID("fc_"), CallID: newID("call_"), Status: "in_progress", Name: c.in.Tool}
	if c.in.Tool != "" {
		called := callItem
		called.Status, called.Arguments = complete.Status, said.text()
		complete.Output = []any{called}
	}
	complete.Usage = c.wholeUsage(usage)
	if !req.Stream {
		return c.usageReply(complete, said.tokens)
	}
	reply.Usage = null
	if c.in.Tool != "" {
		return ended(c.streamResponses(reply, complete, callItem, callItem.ID, said))
	}
	return ended(c.streamResponses(reply, complete, item, item.ID, said))
}

// streamResponses sends one item, a message or a call of a function, and what is around it.
func (c *call) streamResponses(begun, complete responsesReply, item any, itemID string, said answer) error {
	s, err := c.openStream("text/event-stream; charset=utf-8")
	if err != nil {
		return err
	}
	number := -1
	// event adds what every event has.
	event := func(name string, fields object) object {
		number++
		fields["type"], fields["sequence_number"] = name, number
		return fields
	}
	inItem := func(fields object) object {
		fields["item_id"], fields["output_index"] = itemID, 0
		if c.in.Tool == "" {
			fields["content_index"] = 0
		}
		return fields
	}
	send := func(name string, fields object) error { return s.event(name, event(name, fields)) }

	if err := send("response.created", object{"response": begun}); err != nil {
		return err
	}
	if err := send("response.in_progress", object{"response": begun}); err != nil {
		return err
	}
	if err := send("response.output_item.added", object{"output_index": 0, "item": item}); err != nil {
		return err
	}
	deltaName := "response.output_text.delta"
	if c.in.Tool != "" {
		deltaName = "response.function_call_arguments.delta"
	} else if err := send("response.content_part.added", inItem(object{"part": newOutputText("")})); err != nil {
		return err
	}
	for _, piece := range said.deltas(c.in.Chunks) {
		d := inItem(object{"delta": piece.text})
		if c.in.Tool == "" {
			d["logprobs"] = []object{}
		}
		if err := s.text(deltaName, event(deltaName, d), piece.tokens); err != nil {
			return err
		}
	}
	if err := s.interrupt(); err != nil {
		return err
	}
	done := complete.Output[0]
	if c.in.Tool != "" {
		if err := send("response.function_call_arguments.done", inItem(object{"name": c.in.Tool, "arguments": said.text()})); err != nil {
			return err
		}
	} else {
		if err := send("response.output_text.done", inItem(object{"text": said.text(), "logprobs": []object{}})); err != nil {
			return err
		}
		if err := send("response.content_part.done", inItem(object{"part": newOutputText(said.text())})); err != nil {
			return err
		}
	}
	if err := send("response.output_item.done", object{"output_index": 0, "item": done}); err != nil {
		return err
	}
	name := "response." + complete.Status
	if err := s.last(name, event(name, object{"response": complete})); err != nil {
		return err
	}
	if c.in.Usage != "none" && c.in.Usage != "null" {
		s.reported()
	}
	return nil
}
