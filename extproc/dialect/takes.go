package dialect

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/extproc/tokens"
)

// What fields mean, for formats to pick from.

// Bounds beyond which a number is refused: no model reaches them, and products
// of them with prices stay within what money can hold.
const (
	maxCap     = 1<<31 - 1
	maxChoices = 1024
	maxTags    = 256
)

// Flat sizes of what is no text, in tokens. They are estimates to hold a budget
// with; the provider reports the true ones.
const (
	imageTokens    = 1445 // the largest picture in full detail: eight tiles of 170, and 85
	imageLowTokens = 85   // in low detail
	audioTokens    = 1500 // two and a half minutes at ten a second
	fileTokens     = 6000 // a short document with pictures
)

// proxyOnly are members of the body which only proxies read, and which
// providers refuse. See Change.Strip.
var proxyOnly = map[string]bool{"tags": true, "litellm_metadata": true, "metadata": true}

// freeForm are objects whose members clients name as they like. Only we read
// them, so that no two parsers can differ in what is paid.
var freeForm = map[string]bool{"litellm_metadata": true, "metadata": true}

func isNull(v value) bool { return v.raw.Kind() == 'n' }

// str is the string that v is; "" with ok false otherwise.
func str(v value) (s string, ok bool) {
	if v.raw.Kind() != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v.raw)
	return string(b), err == nil
}

func (r *request) wrongType(v value, want string) {
	r.refuse(v.path, "invalid_type", fmt.Sprintf("Invalid type for '%s': expected %s.", r.where(), want))
}

// takeModel reads the model's name. A model in the path wins.
func takeModel(r *request, v value) {
	name, ok := str(v)
	if !ok {
		r.wrongType(v, "a string")
		return
	}
	r.call.models = append(r.call.models, v.at)
	if r.call.in.Model == "" {
		r.call.Model = name
	}
}

func takeBool(set func(*Call, bool)) take {
	return func(r *request, v value) {
		switch v.raw.Kind() {
		case 't', 'f':
			set(r.call, v.raw.Kind() == 't')
		case 'n':
		default:
			r.wrongType(v, "a boolean")
		}
	}
}

var takeStream = takeBool(func(c *Call, on bool) { c.Stream = on })

// takeNull remembers a null which may have to become an object.
func takeNull(r *request, v value) {
	switch {
	case len(v.raw) == 0: // an object: its slot is remembered when it ends
	case isNull(v):
		r.call.slots = append(r.call.slots, slot{path: v.path, at: v.at, null: true})
	default:
		r.wrongType(v, "an object")
	}
}

func takeWantUsage(r *request, v value) {
	r.call.wantFlag = v.at
	takeBool(func(c *Call, on bool) { c.UsageAsked = on })(r, v)
}

// whole reads an integer of at least 0 and at most limit.
func (r *request) whole(v value, limit int64) (n int64, ok bool) {
	if v.raw.Kind() != '0' {
		r.wrongType(v, "an integer")
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.raw), 10, 64)
	switch {
	case err == nil && 0 <= n && n <= limit:
		return n, true
	case err == nil && n < 0, err != nil && v.raw[0] == '-':
		r.refuse(v.path, "integer_below_min_value", fmt.Sprintf("Invalid '%s': it must not be negative.", r.where()))
	case err == nil, slices.Index(v.raw, '.') < 0 && slices.Index(v.raw, 'e') < 0 && slices.Index(v.raw, 'E') < 0:
		r.refuse(v.path, "integer_above_max_value", fmt.Sprintf("Invalid '%s': it must be at most %d.", r.where(), limit))
	default:
		r.wrongType(v, "an integer")
	}
	return 0, false
}

func takeCap(r *request, v value) {
	if isNull(v) {
		r.call.caps = append(r.call.caps, cap{v.path, v.at, -1})
		return
	}
	n, ok := r.whole(v, maxCap)
	if !ok {
		return
	}
	r.call.caps = append(r.call.caps, cap{v.path, v.at, n})
	if r.call.OutputCap == nil || n < *r.call.OutputCap {
		r.call.OutputCap = &n
	}
}

// takeFloor reads a number that the cap must stay above.
func takeFloor(r *request, v value) {
	if isNull(v) {
		return
	}
	if n, ok := r.whole(v, maxCap); ok {
		r.call.CapFloor = max(r.call.CapFloor, n+1)
	}
}

// takeChoices reads how many answers are made.
func takeChoices(r *request, v value) {
	if isNull(v) {
		return
	}
	n, ok := r.whole(v, maxChoices)
	switch {
	case !ok:
	case n < 1:
		r.refuse(v.path, "integer_below_min_value", fmt.Sprintf("Invalid '%s': it must be at least 1.", r.where()))
	default:
		r.call.Choices = max(r.call.Choices, n)
	}
}

// takeUser reads the end user; of several fields the one of lowest rank counts.
func takeUser(rank int) take {
	return func(r *request, v value) {
		if s, ok := str(v); ok && s != "" && rank < r.user {
			r.call.EndUser, r.user = s, rank
		}
	}
}

func takeTag(r *request, v value) {
	if s, ok := str(v); ok && s != "" && len(r.call.Tags) < maxTags && !slices.Contains(r.call.Tags, s) {
		r.call.Tags = append(r.call.Tags, s)
	}
}

func takeTier(r *request, v value) {
	if s, ok := str(v); ok && s != "auto" && s != "default" {
		r.call.ServiceTier = s
	}
}

// takeText counts a string as prompt.
func takeText(r *request, v value) {
	if v.raw.Kind() == '"' {
		r.call.addText(v.at, jsonString)
	}
}

// takeJSON counts a value as prompt as it is written: tools, schemas.
func takeJSON(r *request, v value) {
	if len(v.raw) > 2 && !isNull(v) {
		r.call.addText(v.at, jsonValue)
	}
}

// takeTokens counts a member as a flat number of prompt tokens.
func takeTokens(n int64) take {
	return func(r *request, v value) {
		if !isNull(v) {
			r.call.addTokens(n)
		}
	}
}

// takeMock refuses what asks LiteLLM to answer in the provider's place: forwarded, it
// would be paid for, or refused as unknown by the provider.
func takeMock(r *request, v value) {
	if isNull(v) || v.raw.Kind() == 'f' {
		return
	}
	r.refuse(v.path, "unsupported_parameter", fmt.Sprintf("'%s' is not supported: the provider would be called, and charge.", r.where()))
}

var (
	takeMessage = takeTokens(tokens.PerMessage)
	takeImage   = takeTokens(imageTokens)
	takeAudio   = takeTokens(audioTokens)
	takeFile    = takeTokens(fileTokens)
)

// takeName counts a participant's name.
func takeName(r *request, v value) {
	if v.raw.Kind() == '"' {
		r.call.addTokens(tokens.PerName)
		r.call.addText(v.at, jsonString)
	}
}
