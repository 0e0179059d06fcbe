package dialect

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// The ids of usage figures in a format's wants. A format's own ids start at
// uOwn.
const (
	uNone = iota
	uInput
	uOutput
	uTotal
	uCached
	uCacheWrite // without saying for how long
	uCacheWrite5m
	uCacheWrite1h
	uAudioInput
	uImageInput
	uReasoning
	uAudioOutput
	uImageOutput
	uToolInput // tokens of tool results, beside uInput
	uSearches
	uImages
	uQueries
	uSeconds
	uFigures
)

// The ids of what every reply tells, and the first of a format's own.
const (
	rID = uFigures + iota
	rModel
	rTier
	rFinish
	rErrorCode
	rErrorType
	rError
	uOwn
)

// figures are what a provider said, the latest of each.
type figures struct {
	n   [uFigures]int64
	set [uFigures]bool
}

// take keeps a figure; null and what is no number at all are not one. Figures
// are cumulative: a 0 behind a count is a field nobody filled in.
func (f *figures) take(id int, raw []byte) bool {
	n, ok := number(raw)
	if ok && (n > 0 || !f.set[id]) {
		f.n[id], f.set[id] = n, true
	}
	return ok
}

// number reads a count. Fractions are rounded up; what is negative, or beyond
// what any reply can be, is no count.
func number(raw []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || !(f >= 0 && f <= maxCount) {
			return 0, false
		}
		n = int64(f)
		if float64(n) < f {
			n++
		}
	}
	return n, 0 <= n && n <= maxCount
}

// maxCount is the most of anything that a reply is believed to have used.
const maxCount = 1 << 40

// common is what the tallies of all formats keep.
type common struct {
	figures
	answers
	res        Result
	frameUsage bool // the event at hand carries figures
}

func newCommon(call *Call, head Head) common {
	return common{answers: newAnswers(call, head)}
}

// value keeps what every format has; false: it is the format's own.
func (c *common) value(id int, raw []byte) bool {
	switch {
	case id < uFigures:
		c.frameUsage = c.take(id, raw) || c.frameUsage
	case id == rID:
		setString(&c.res.ResponseID, raw)
	case id == rModel:
		setString(&c.res.Model, raw)
	case id == rTier:
		setString(&c.res.Usage.ServiceTier, raw)
	case id == rFinish:
		if c.res.FinishReason == "" {
			setString(&c.res.FinishReason, raw)
		}
	case id == rErrorCode, id == rErrorType:
		if c.res.Failure == "" {
			setString(&c.res.Failure, raw)
		}
	default:
		return false
	}
	return true
}

// setString keeps the string (or number) of a captured value, if it is one and not empty.
func setString(into *string, raw []byte) {
	const longest = 256
	switch {
	case len(raw) < 2 && !bytes.ContainsAny(raw, "0123456789"), string(raw) == "null", len(raw) > longest:
	case len(raw) == len(*into)+2 && raw[0] == '"' && string(raw[1:len(raw)-1]) == *into: // every frame says it again
	case raw[0] == '"':
		if s, err := jsontext.AppendUnquote(nil, raw); err == nil && len(s) > 0 {
			*into = string(s)
		}
	case raw[0] != '{' && raw[0] != '[':
		*into = string(raw)
	}
}

// openAI makes a usage of figures in OpenAI's way: parts are within the whole.
func (c *common) openAI() reported {
	n := &c.n
	r := reported{Result: c.res, input: c.set[uInput], output: c.set[uOutput]}
	out := n[uOutput]
	if n[uReasoning] > 0 && n[uTotal] == n[uInput]+out+n[uReasoning] {
		out += n[uReasoning] // xAI counts reasoning beside the answer
	}
	tier := c.res.Usage.ServiceTier
	if tier == "default" || tier == "auto" || tier == "standard" {
		tier = ""
	}
	r.Usage = policy.Usage{
		Input: n[uInput], Cached: min(n[uCached], n[uInput]), AudioInput: n[uAudioInput], ImageInput: n[uImageInput],
		Output: out, Reasoning: min(n[uReasoning], out), AudioOutput: n[uAudioOutput], ImageOutput: n[uImageOutput],
		Searches: n[uSearches], ServiceTier: tier,
	}
	return r
}

// alsoAsked fills in what the request alone tells, where the reply did not.
func alsoAsked(u *policy.Usage, asked policy.Usage) {
	for _, f := range []struct{ have, want *int64 }{
		{&u.Images, &asked.Images}, {&u.Pixels, &asked.Pixels}, {&u.Characters, &asked.Characters},
		{&u.Millis, &asked.Millis}, {&u.Queries, &asked.Queries},
	} {
		if *f.have == 0 {
			*f.have = *f.want
		}
	}
}
