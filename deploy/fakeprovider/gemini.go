package fakeprovider

import (
	"encoding/json"
	"net/http"
)

type geminiContent struct {
	Role  string `json:"role"`
	Parts []struct {
		Text       string          `json:"text"`
		InlineData json.RawMessage `json:"inlineData"`
	} `json:"parts"`
}

func (g geminiContent) count() (text string, tokens int) {
	for _, p := range g.Parts {
		text, tokens = text+p.Text, tokens+countTokens(p.Text)
		if len(p.InlineData) > 0 {
			tokens += perImage
		}
	}
	return text, tokens
}

type geminiRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction geminiContent   `json:"systemInstruction"`
	Tools             json.RawMessage `json:"tools"`
	// CachedContent is a cache made earlier. It holds as many tokens as the instructions call cached, and they are part of the prompt.
	CachedContent    string `json:"cachedContent"`
	GenerationConfig struct {
		MaxOutputTokens *int `json:"maxOutputTokens"`
		CandidateCount  *int `json:"candidateCount"`
	} `json:"generationConfig"`
}

func (r geminiRequest) prompt() (tokens int, last string) {
	_, tokens = r.SystemInstruction.count()
	for _, g := range r.Contents {
		text, n := g.count()
		tokens += n
		if g.Role == "user" || g.Role == "" {
			last = text
		}
	}
	return tokens + countJSON(r.Tools), last
}

type geminiReply struct {
	Candidates    []geminiCandidate `json:"candidates"`
	UsageMetadata json.RawMessage   `json:"usageMetadata,omitempty"`
	ModelVersion  string            `json:"modelVersion"`
	ResponseID    string            `json:"responseId"`
}

type geminiCandidate struct {
	Content      object  `json:"content"`
	FinishReason *string `json:"finishReason,omitempty"`
	Index        int     `json:"index"`
}

func candidate(index int, text string, finish *string) geminiCandidate {
	return geminiCandidate{Content: object{"role": "model", "parts": []object{{"text": text}}}, FinishReason: finish, Index: index}
}

// toolInput is a tool call's arguments: an object, as far as the answer got.
func toolInput(said answer) json.RawMessage {
	if input := json.RawMessage(said.text()); json.Valid(input) {
		return input
	}
	return json.RawMessage("{}")
}

func (c *call) geminiCall(said answer) []object {
	return []object{{"functionCall": object{"name": c.in.Tool, "args": toolInput(said)}}}
}

// geminiUsage counts thoughts apart from candidates, and the cached part within the prompt.
func (c *call) geminiUsage(prompt, candidates, thoughts int) json.RawMessage {
	u := object{
		"promptTokenCount":     prompt,
		"candidatesTokenCount": candidates,
		"totalTokenCount":      prompt + candidates + thoughts,
		"promptTokensDetails":  []object{{"modality": "TEXT", "tokenCount": prompt}},
	}
	if thoughts > 0 {
		u["thoughtsTokenCount"] = thoughts
	}
	if c.in.CachedTokens > 0 {
		u["cachedContentTokenCount"] = c.in.CachedTokens
	}
	return marshal(u)
}

func serveGeminiCount(c *call) error {
	var req struct {
		geminiRequest
		GenerateContentRequest *geminiRequest `json:"generateContentRequest"`
	}
	if ok, err := c.decode(&req); !ok {
		return err
	}
	if req.GenerateContentRequest != nil {
		req.geminiRequest = *req.GenerateContentRequest
	}
	prompt, text := req.prompt()
	if ok, err := c.begin(ask{text: text, prompt: prompt}); !ok {
		return err
	}
	return c.reply(http.StatusOK, object{"totalTokens": prompt, "promptTokensDetails": []object{{"modality": "TEXT", "tokenCount": prompt}}})
}

func serveGeminiEmbed(c *call) error {
	type one struct {
		Content              geminiContent `json:"content"`
		OutputDimensionality *int          `json:"outputDimensionality"`
	}
	var req struct {
		one
		Requests []one `json:"requests"`
	}
	if ok, err := c.decode(&req); !ok {
		return err
	}
	batch := c.api == "gemini_embeds"
	if !batch {
		req.Requests = []one{req.one}
	}
	prompt, text := 0, ""
	embeddings := []object{}
	for _, q := range req.Requests {
		t, n := q.Content.count()
		size := value(q.OutputDimensionality, 768)
		if n == 0 || size < 1 || size > 3072 {
			return c.fail(http.StatusBadRequest, "content is empty, or outputDimensionality is not in 1..3072")
		}
		prompt, text = prompt+n, t
		embeddings = append(embeddings, object{"values": vector(t, size)})
	}
	if ok, err := c.begin(ask{text: text, prompt: prompt}); !ok {
		return err
	}
	if batch {
		return c.reply(http.StatusOK, object{"embeddings": embeddings})
	}
	return c.reply(http.StatusOK, object{"embedding": embeddings[0]})
}

func serveGemini(c *call) error {
	var req geminiRequest
	if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt, text := req.prompt()
	stream := c.api == "gemini_stream"
	if req.CachedContent != "" {
		in, err := readInstructions(text, c.r.Header)
		if err != nil {
			return c.fail(http.StatusBadRequest, err.Error())
		}
		prompt += in.CachedTokens
	}
	a := ask{stream: stream, text: text, prompt: prompt, limit: limitOf(req.GenerationConfig.MaxOutputTokens), id: newID("")}
	if ok, err := c.begin(a); !ok {
		return err
	}
	n := value(req.GenerationConfig.CandidateCount, 1)
	if len(req.Contents) == 0 || n < 1 || n > 8 {
		return c.fail(http.StatusBadRequest, "contents is not specified, or candidateCount is not in 1..8")
	}
	said := compose(c.in, a.limit)
	c.bill(n*said.output(), n*said.reasoning)
	reply := geminiReply{ModelVersion: c.model, ResponseID: a.id}
	finish := c.finish(said, "STOP", "MAX_TOKENS", "STOP")
	if stream {
		return ended(c.streamGemini(reply, said, n, prompt, finish))
	}
	for i := range n {
		one := candidate(i, said.text(), finish)
		if c.in.Tool != "" {
			one.Content["parts"] = c.geminiCall(said)
		}
		reply.Candidates = append(reply.Candidates, one)
	}
	reply.UsageMetadata = c.wholeUsage(c.geminiUsage(prompt, n*said.tokens, n*said.reasoning))
	return c.usageReply(reply, n*said.tokens)
}

// streamGemini sends events with alt=sse, else the elements of one JSON array. The
// last delta carries the finish reason; each carries running totals.
func (c *call) streamGemini(reply geminiReply, said answer, n, prompt int, finish *string) error {
	if c.r.URL.Query().Get("alt") != "sse" {
		return c.geminiArray(reply, said, n, prompt, finish)
	}
	s, err := c.openStream("text/event-stream")
	if err != nil {
		return err
	}
	chunks := c.geminiChunks(reply, said, n, prompt, finish)
	for i, chunk := range chunks {
		if i == len(chunks)-1 && c.in.NoFinalNewline {
			// The frame is counted as text, but goes out without its end.
			if err := s.interrupt(); err != nil {
				return err
			}
			if err := s.last("", chunk.reply); err != nil {
				return err
			}
			c.note(func(r *Record) { r.TokensWritten += chunk.tokens; r.ChunksWritten++ })
		} else if err := s.text("", chunk.reply, chunk.tokens); err != nil {
			return err
		}
		if chunk.reply.UsageMetadata != nil && c.in.Usage != "null" {
			s.reported()
		}
	}
	if err := s.interrupt(); err != nil {
		return err
	}
	return s.end()
}

type geminiChunk struct {
	reply  geminiReply
	tokens int
}

func (c *call) geminiChunks(reply geminiReply, said answer, n, prompt int, finish *string) []geminiChunk {
	pieces := said.deltas(c.in.Chunks)
	if c.in.Tool != "" { // a function is called in one piece, its arguments whole
		pieces = []delta{{tokens: said.tokens}}
	}
	if len(pieces) == 0 {
		pieces = []delta{{}}
	}
	var chunks []geminiChunk
	written := 0
	for i, piece := range pieces {
		r := reply
		var why *string
		final := i == len(pieces)-1
		if final {
			why = finish
		}
		for j := range n {
			one := candidate(j, piece.text, why)
			if c.in.Tool != "" {
				one.Content["parts"] = c.geminiCall(said)
			}
			r.Candidates = append(r.Candidates, one)
		}
		written += n * piece.tokens
		if c.in.Usage != "final" || final {
			r.UsageMetadata = c.wholeUsage(c.geminiUsage(prompt, written, n*said.reasoning))
		}
		chunks = append(chunks, geminiChunk{r, n * piece.tokens})
	}
	return chunks
}

func (c *call) geminiArray(reply geminiReply, said answer, n, prompt int, finish *string) error {
	s, err := c.openStream("application/json")
	if err != nil {
		return err
	}
	separator := "["
	for _, chunk := range c.geminiChunks(reply, said, n, prompt, finish) {
		if s.chunks > 0 && !c.pause(c.in.DelayMS) {
			return errAborted
		}
		if at := c.in.ResetAfter; at != nil && s.chunks >= *at {
			return errReset
		}
		if err := s.write(separator + string(marshal(chunk.reply))); err != nil {
			return err
		}
		separator = "\n,\n"
		s.chunks++
		c.note(func(r *Record) {
			r.TokensWritten += chunk.tokens
			r.ChunksWritten++
			r.UsageReported = r.UsageReported || chunk.reply.UsageMetadata != nil && c.in.Usage != "null"
		})
	}
	if err := s.write("]"); err != nil {
		return err
	}
	return s.end()
}
