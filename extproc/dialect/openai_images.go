package dialect

import (
	"fmt"
	"strconv"
	"strings"
)

// OpenAI's pictures. Some models are paid by the picture and its size, which
// the request tells; others by tokens, which their reply reports.
var (
	_ = register(openAIEndpoint(Endpoint{
		Name:     "images.generations",
		CallType: "aimage_generation",
		Route:    "/images/generations",
		Billable: true,
		read: func(_ *Endpoint, call *Call) *Malformed {
			m := readJSON(openAIImagesFields, call)
			return firstOf(m, finishImages(call))
		},
		replies: openAIImagesReplies,
		tally:   newImagesTally,
	}))
	_ = register(imagesForm("edits", "aimage_edit"))
	_ = register(imagesForm("variations", "aimage_variation"))
)

func imagesForm(op, callType string) *Endpoint {
	return openAIEndpoint(Endpoint{
		Name:     "images." + op,
		CallType: callType,
		Route:    "/images/" + op,
		Billable: true,
		read: func(_ *Endpoint, call *Call) *Malformed {
			m := readForm(call, map[string]func(*Call, string, span) *Malformed{
				"model": formModel, "prompt": formText, "stream": formStream, "user": formUser,
				"n":    formChoices,
				"size": func(c *Call, v string, _ span) *Malformed { c.size = v; return nil },
				"image": func(c *Call, _ string, _ span) *Malformed {
					c.addTokens(imageTokens)
					return nil
				},
				"mask": formNothing,
			})
			return firstOf(m, finishImages(call))
		},
		replies: openAIImagesReplies,
		tally:   newImagesTally,
	})
}

func firstOf(ms ...*Malformed) *Malformed {
	for _, m := range ms {
		if m != nil {
			return m
		}
	}
	return nil
}

func formChoices(c *Call, v string, _ span) *Malformed {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 || n > maxChoices {
		return &Malformed{Message: fmt.Sprintf("Invalid 'n': it must be an integer from 1 to %d.", maxChoices), Param: "n", Code: "invalid_value"}
	}
	c.Choices = n
	return nil
}

var openAIImagesFields = proxyFields(fields{
	"model":  takeModel,
	"prompt": takeText,
	"stream": takeStream,
	"n":      takeChoices,
	"size": func(r *request, v value) {
		if s, ok := str(v); ok {
			r.call.size = s
		}
	},
}).compile()

// The largest picture in tokens that a model makes, and the size in pixels
// where the request leaves it to the model.
const (
	pictureTokens = 6240 // 1024 by 1536 in high quality
	pictureWidth  = 1024
	pictureHeight = 1024
)

// finishImages says what the pictures asked for are worth: the smallest model
// is the default, as at OpenAI.
func finishImages(call *Call) *Malformed {
	if call.Model == "" && len(call.models) == 0 {
		call.Model = "dall-e-2"
	}
	width, height := int64(pictureWidth), int64(pictureHeight)
	if w, h, ok := strings.Cut(call.size, "x"); ok {
		a, errA := strconv.ParseInt(w, 10, 64)
		b, errB := strconv.ParseInt(h, 10, 64)
		if errA == nil && errB == nil && 0 < a && a <= 1<<16 && 0 < b && b <= 1<<16 {
			width, height = a, b
		}
	}
	call.Asks.Images = call.Choices
	call.Asks.Pixels = call.Choices * width * height
	limit := int64(pictureTokens)
	call.OutputCap = &limit // of each picture; there is no field for it
	return nil
}

const (
	imgPicture = uOwn + iota
	imgType
	imgURL
)

// One tree for whole replies and the events of a stream.
var openAIImagesReplies = wants{
	"type":       {capture, imgType},
	"data[]":     {enter, imgPicture},
	"data[].url": {capture, imgURL}, // so that data[] is looked into
	"error":      {enter, rError},
	"error.code": {capture, rErrorCode},
	"error.type": {capture, rErrorType},

	"usage.input_tokens":                       {capture, uInput},
	"usage.output_tokens":                      {capture, uOutput},
	"usage.total_tokens":                       {capture, uTotal},
	"usage.input_tokens_details.image_tokens":  {capture, uImageInput},
	"usage.input_tokens_details.cached_tokens": {capture, uCached},
	"usage.output_tokens_details.image_tokens": {capture, uImageOutput},
}.compile()

func newImagesTally(call *Call, head Head) tally {
	return &imagesTally{common: newCommon(call, head), call: call}
}

type imagesTally struct {
	common
	call     *Call
	event    string
	pictures int64
}

func (t *imagesTally) begin() { t.event = "" }

func (t *imagesTally) end() bool {
	if strings.HasSuffix(t.event, ".completed") {
		t.pictures++
		t.res.Complete = t.pictures >= t.call.Choices
	}
	t.res.Failed = t.res.Failed || t.event == "error"
	return false
}

func (t *imagesTally) value(id int, raw []byte) {
	if id == imgType {
		setString(&t.event, raw)
		return
	}
	t.common.value(id, raw)
}

func (t *imagesTally) text(int, []byte) {}

func (t *imagesTally) enter(id int) {
	if id == imgPicture {
		t.pictures++
	}
}

func (t *imagesTally) exit(int) {}

func (t *imagesTally) result() reported {
	r := t.openAI()
	r.Usage.Images = t.pictures
	if asked := t.call.Asks.Images; asked > 0 {
		r.Usage.Pixels = t.pictures * (t.call.Asks.Pixels / asked)
	}
	if r.Usage.ImageOutput == 0 {
		r.Usage.ImageOutput = r.Usage.Output // pictures are all it makes
	}
	return r
}

// counted: a model that reports no tokens is paid by the picture.
func (t *imagesTally) counted() (int64, int64) { return 0, 0 }
