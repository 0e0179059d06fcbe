package fakeprovider

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
)

func serveModels(c *call) error {
	models := []object{}
	for _, name := range []string{"gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo", "text-embedding-ada-002"} {
		models = append(models, object{"id": name, "object": "model", "created": 1686935002, "owned_by": "fake-provider"})
	}
	return c.reply(http.StatusOK, object{"object": "list", "data": models})
}

func serveModerations(c *call) error {
	var req struct {
		Model string          `json:"model"`
		Input json.RawMessage `json:"input"`
	}
	if ok, err := c.decode(&req); !ok {
		return err
	}
	texts, prompt, ok := inputs(req.Input)
	if !ok {
		var text string
		text, prompt = content(req.Input)
		texts = []string{text}
	}
	a := ask{model: cmp.Or(req.Model, "omni-moderation-latest"), text: last(texts), prompt: prompt, id: newID("modr-")}
	if ok, err := c.begin(a); !ok {
		return err
	}
	results := make([]object, len(texts))
	for i := range results {
		flags, scores := object{}, object{}
		for _, category := range []string{"harassment", "hate", "illicit", "self-harm", "sexual", "violence"} {
			flags[category], scores[category] = false, 0.0001
		}
		results[i] = object{"flagged": false, "categories": flags, "category_scores": scores}
	}
	return c.reply(http.StatusOK, object{"id": a.id, "model": c.model, "results": results})
}

// pixel is a PNG of one pixel, in base64.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// perPicture is what an image model bills for a picture.
const perPicture = 272

func serveImages(c *call) error {
	var req struct {
		Model          string `json:"model"`
		Prompt         string `json:"prompt"`
		N              *int   `json:"n"`
		ResponseFormat string `json:"response_format"`
		Stream         bool   `json:"stream"`
		PartialImages  int    `json:"partial_images"`
	}
	if form, ok := c.form(); ok {
		req.Model, req.Prompt, req.Stream = form["model"], form["prompt"], form["stream"] == "true"
		if n, err := strconv.Atoi(form["n"]); err == nil {
			req.N = &n
		}
	} else if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt := countTokens(req.Prompt)
	if ok, err := c.begin(ask{model: cmp.Or(req.Model, "dall-e-2"), stream: req.Stream, text: req.Prompt, prompt: prompt}); !ok {
		return err
	}
	n := value(req.N, 1)
	if n < 1 || n > 10 {
		return c.fail(http.StatusBadRequest, "Invalid 'n': expected 1 to 10.")
	}
	billed := strings.HasPrefix(c.model, "gpt-image")
	data := make([]object, n)
	for i := range data {
		data[i] = object{"url": "https://images.invalid/" + newID("img-") + ".png"}
		if billed || req.ResponseFormat == "b64_json" {
			data[i] = object{"b64_json": pixel}
		}
	}
	reply := object{"created": c.p.opts.Now().Unix(), "data": data}
	if !billed {
		return c.reply(http.StatusOK, reply)
	}
	c.bill(n*perPicture, 0)
	usage := c.wholeUsage(marshal(object{
		"input_tokens": prompt, "output_tokens": n * perPicture, "total_tokens": prompt + n*perPicture,
		"input_tokens_details": object{"text_tokens": prompt, "image_tokens": 0},
	}))
	if req.Stream {
		return ended(c.streamImages(n, req.PartialImages, usage))
	}
	if usage != nil {
		reply["usage"] = usage
	}
	return c.usageReply(reply, 0)
}

// streamImages sends each picture's drafts and then the picture; the last carries the usage.
func (c *call) streamImages(n, drafts int, usage json.RawMessage) error {
	s, err := c.openStream("text/event-stream")
	if err != nil {
		return err
	}
	for i := range n {
		for d := range drafts {
			if err := s.text("image_generation.partial_image", object{"type": "image_generation.partial_image", "partial_image_index": d, "b64_json": pixel}, 0); err != nil {
				return err
			}
		}
		whole := object{"type": "image_generation.completed", "b64_json": pixel}
		if i == n-1 && usage != nil {
			whole["usage"] = usage
		}
		if err := s.text("image_generation.completed", whole, 0); err != nil {
			return err
		}
	}
	if c.in.Usage != "none" && c.in.Usage != "null" {
		s.reported()
	}
	return s.end()
}

func serveSpeech(c *call) error {
	var req struct {
		Model          string `json:"model"`
		Input          string `json:"input"`
		ResponseFormat string `json:"response_format"`
		StreamFormat   string `json:"stream_format"`
	}
	if ok, err := c.decode(&req); !ok {
		return err
	}
	events := req.StreamFormat == "sse"
	if ok, err := c.begin(ask{model: req.Model, stream: events, text: req.Input, prompt: countTokens(req.Input)}); !ok {
		return err
	}
	if req.Input == "" {
		return c.fail(http.StatusBadRequest, "Missing 'input'.")
	}
	kind, known := map[string]string{
		"": "audio/mpeg", "mp3": "audio/mpeg", "opus": "audio/opus", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm",
	}[req.ResponseFormat]
	if !known {
		return c.fail(http.StatusBadRequest, "Invalid 'response_format'.")
	}
	// No encoder here: bytes of about the length that speech has, 60 ms a character.
	sound := bytes.Repeat([]byte("purser\x00\xff"), max(len(req.Input)*120, c.in.BodyBytes)/8+1)
	if !events {
		return c.replyBytes(http.StatusOK, kind, sound)
	}
	output := len(req.Input) * 3 / 2 // sound is some 25 tokens a second
	c.bill(output, 0)
	return ended(c.streamSpeech(sound, object{"input_tokens": countTokens(req.Input), "output_tokens": output, "total_tokens": countTokens(req.Input) + output}))
}

// streamSpeech sends the sound as events, as the models do that are paid by tokens.
func (c *call) streamSpeech(sound []byte, usage object) error {
	s, err := c.openStream("text/event-stream")
	if err != nil {
		return err
	}
	const piece = 3000
	for len(sound) > 0 {
		n := min(piece, len(sound))
		if err := s.text("", object{"type": "speech.audio.delta", "audio": base64.StdEncoding.EncodeToString(sound[:n])}, 0); err != nil {
			return err
		}
		sound = sound[n:]
	}
	if err := s.interrupt(); err != nil {
		return err
	}
	done := object{"type": "speech.audio.done"}
	if usage := c.wholeUsage(marshal(usage)); usage != nil {
		done["usage"] = usage
		s.reported()
	}
	return s.last("", done)
}

func serveTranscriptions(c *call) error {
	form, ok := c.form()
	if !ok {
		return c.fail(http.StatusBadRequest, "Expected multipart/form-data with 'file' and 'model'.")
	}
	sound := len(form["file"])
	a := ask{model: form["model"], stream: form["stream"] == "true", text: form["prompt"], prompt: sound/3200 + countTokens(form["prompt"])}
	if ok, err := c.begin(a); !ok {
		return err
	}
	if sound == 0 {
		return c.fail(http.StatusBadRequest, "Missing 'file'.")
	}
	said := compose(c.in, 0)
	switch form["response_format"] {
	case "text", "srt", "vtt":
		return c.replyBytes(http.StatusOK, "text/plain; charset=utf-8", []byte(said.text()+"\n"))
	}
	var usage json.RawMessage
	if strings.HasPrefix(c.model, "whisper") {
		usage = marshal(object{"type": "duration", "seconds": sound/32000 + 1}) // 16-bit mono at 16 kHz
	} else {
		c.bill(said.output(), 0)
		usage = marshal(object{
			"type": "tokens", "input_tokens": a.prompt, "output_tokens": said.tokens, "total_tokens": a.prompt + said.tokens,
			"input_token_details": object{"text_tokens": countTokens(form["prompt"]), "audio_tokens": sound / 3200},
		})
	}
	if a.stream && !strings.HasPrefix(c.model, "whisper") { // which does not
		return ended(c.streamTranscription(said, c.wholeUsage(usage)))
	}
	reply := object{"text": said.text()}
	if usage = c.wholeUsage(usage); usage != nil {
		reply["usage"] = usage
	}
	return c.usageReply(reply, said.tokens)
}

func (c *call) streamTranscription(said answer, usage json.RawMessage) error {
	s, err := c.openStream("text/event-stream")
	if err != nil {
		return err
	}
	for _, piece := range said.deltas(c.in.Chunks) {
		if err := s.text("", object{"type": "transcript.text.delta", "delta": piece.text}, piece.tokens); err != nil {
			return err
		}
	}
	if err := s.interrupt(); err != nil {
		return err
	}
	done := object{"type": "transcript.text.done", "text": said.text()}
	if usage != nil {
		done["usage"] = usage
		s.reported()
	}
	return s.last("", done)
}

// form reads a multipart body; false when it is none.
func (c *call) form() (map[string]string, bool) {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, false
	}
	form := map[string]string{}
	reader := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for {
		p, err := reader.NextPart()
		if err == io.EOF {
			return form, true
		}
		if err != nil {
			return nil, false
		}
		value, err := io.ReadAll(p)
		if err != nil {
			return nil, false
		}
		form[p.FormName()] = string(value)
	}
}

func serveRerank(c *call) error {
	var req struct {
		Model           string            `json:"model"`
		Query           string            `json:"query"`
		Documents       []json.RawMessage `json:"documents"`
		TopN            *int              `json:"top_n"`
		ReturnDocuments bool              `json:"return_documents"`
	}
	if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt := countTokens(req.Query)
	for _, d := range req.Documents {
		prompt += countTokens(string(d))
	}
	a := ask{model: req.Model, text: req.Query, prompt: prompt, id: newID("")}
	if ok, err := c.begin(a); !ok {
		return err
	}
	if len(req.Documents) == 0 {
		return c.fail(http.StatusBadRequest, "invalid request: list of documents must not be empty")
	}
	results := []object{}
	for i := range min(value(req.TopN, len(req.Documents)), len(req.Documents)) {
		r := object{"index": i, "relevance_score": 1 / float64(i+2)}
		if req.ReturnDocuments {
			r["document"] = req.Documents[i]
		}
		results = append(results, r)
	}
	meta := object{"api_version": object{"version": "2"}}
	if c.in.Usage != "none" && c.in.Usage != "null" {
		meta["billed_units"] = object{"search_units": (len(req.Documents) + 99) / 100}
	}
	return c.usageReply(object{"id": a.id, "results": results, "meta": meta}, 0)
}
