package fakeprovider

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
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
	}
	if form, ok := c.form(); ok {
		req.Model, req.Prompt = form["model"], form["prompt"]
	} else if ok, err := c.decode(&req); !ok {
		return err
	}
	prompt := countTokens(req.Prompt)
	if ok, err := c.begin(ask{model: cmp.Or(req.Model, "dall-e-2"), text: req.Prompt, prompt: prompt}); !ok {
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
	if usage := c.wholeUsage(marshal(object{
		"input_tokens": prompt, "output_tokens": n * perPicture, "total_tokens": prompt + n*perPicture,
		"input_tokens_details": object{"text_tokens": prompt, "image_tokens": 0},
	})); usage != nil {
		reply["usage"] = usage
	}
	return c.usageReply(reply, 0)
}

func serveSpeech(c *call) error {
	var req struct {
		Model          string `json:"model"`
		Input          string `json:"input"`
		ResponseFormat string `json:"response_format"`
	}
	if ok, err := c.decode(&req); !ok {
		return err
	}
	if ok, err := c.begin(ask{model: req.Model, text: req.Input, prompt: countTokens(req.Input)}); !ok {
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
	return c.replyBytes(http.StatusOK, kind, sound)
}

func serveTranscriptions(c *call) error {
	form, ok := c.form()
	if !ok {
		return c.fail(http.StatusBadRequest, "Expected multipart/form-data with 'file' and 'model'.")
	}
	sound := len(form["file"])
	a := ask{model: form["model"], text: form["prompt"], prompt: sound/3200 + countTokens(form["prompt"])}
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
	reply := object{"text": said.text()}
	if usage = c.wholeUsage(usage); usage != nil {
		reply["usage"] = usage
	}
	return c.usageReply(reply, said.tokens)
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
