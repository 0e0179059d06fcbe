package adminsvc

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

type spendCalculation struct {
	Body
	Model      Opt[string]          `json:"model" doc:"A public name, or a provider's"`
	Messages   Opt[calculatedTexts] `json:"messages" doc:"What their tokens cost as a prompt"`
	Completion Opt[Fields]          `json:"completion_response" doc:"What its usage costs"`
}

type spendCost struct {
	Cost Opt[policy.Money] `json:"cost"`
}

// calculateSpend prices a prompt or an answer as the data plane would.
func (s *server) calculateSpend(_ context.Context, _ *Caller, in *spendCalculation) (any, error) {
	model := in.Model.Or("")
	answer, answered := in.Completion.Get()
	target := ""
	if v, ok := answer.Get("model"); ok && v.Kind() == '"' {
		target = unquote(v)
		if model == "" {
			model = target
		}
	}
	if model == "" {
		return nil, badRequest("model", "Name a model, or send a completion_response that does")
	}
	if !answered && !in.Messages.Sent {
		return nil, badRequest("messages", "Send messages or a completion_response")
	}
	d, price, err := s.pricedDeployment(model, target)
	if err != nil {
		return nil, err
	}
	if answered {
		usage, err := calculatedUsage(answer)
		if err != nil {
			return nil, err
		}
		return Object{{"cost", dollars(policy.CostOf(usage, price).Total)}}, nil
	}
	if s.CountTokens == nil {
		return nil, badRequest("messages", "This server cannot count tokens: send a completion_response with its usage")
	}
	usage := policy.Usage{Source: policy.UsageCounted, Input: in.Messages.Value.overhead}
	for _, text := range in.Messages.Value.texts {
		usage.Input += s.CountTokens(d.Encoding, text)
	}
	return Object{{"cost", dollars(policy.CostOf(usage, price).Total)}}, nil
}

// pricedDeployment finds who would serve a model and at what price: of several
// the one that calls it as the answer does, else the first. A name that is not
// public may be a provider's.
func (s *server) pricedDeployment(name, target string) (*policy.Deployment, policy.Price, error) {
	catalog := s.Catalog()
	if to, ok := catalog.Aliases()[name]; ok {
		name = to
	}
	var found *policy.Deployment
	if m, ok := catalog.Find(name); ok {
		found = m.Deployments[0]
		for _, d := range m.Deployments {
			if target != "" && d.TargetFor(name) == target {
				found = d
				break
			}
		}
	} else {
		for _, public := range catalog.Names() {
			m, _ := catalog.Find(public)
			for _, d := range m.Deployments {
				if found == nil && d.Target == name {
					found, name = d, public
				}
			}
		}
	}
	if found == nil {
		return nil, policy.Price{}, notFound("model", "Model not found: %s", clip(name))
	}
	price := found.PriceAt(name)
	if def := s.Settings().DefaultPrice; !price.Known && def != nil {
		price = *def
	}
	if !price.Known {
		return nil, price, badRequest("model", "Model %s has no price", clip(name))
	}
	return found, price, nil
}

// reportedUsage are the names that providers report tokens by.
type reportedUsage struct {
	Prompt        Opt[int64]       `json:"prompt_tokens"`
	Completion    Opt[int64]       `json:"completion_tokens"`
	Input         Opt[int64]       `json:"input_tokens"`
	Output        Opt[int64]       `json:"output_tokens"`
	CacheRead     Opt[int64]       `json:"cache_read_input_tokens"`
	CacheWrite    Opt[int64]       `json:"cache_creation_input_tokens"`
	PromptParts   Opt[reportParts] `json:"prompt_tokens_details"`
	InputParts    Opt[reportParts] `json:"input_tokens_details"`
	AnswerParts   Opt[reportParts] `json:"completion_tokens_details"`
	OutputParts   Opt[reportParts] `json:"output_tokens_details"`
	CacheCreation Opt[cacheParts]  `json:"cache_creation"`
}

type reportParts struct{ cached, audio, reasoning int64 }

func (p *reportParts) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	var in struct {
		Cached    Opt[int64] `json:"cached_tokens"`
		Audio     Opt[int64] `json:"audio_tokens"`
		Reasoning Opt[int64] `json:"reasoning_tokens"`
	}
	d.object(at, v, &in)
	*p = reportParts{in.Cached.Or(0), in.Audio.Or(0), in.Reasoning.Or(0)}
	return nil
}

type cacheParts struct{ hour int64 }

func (p *cacheParts) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	var in struct {
		Hour Opt[int64] `json:"ephemeral_1h_input_tokens"`
	}
	d.object(at, v, &in)
	p.hour = in.Hour.Or(0)
	return nil
}

// calculatedUsage reads an answer's usage, in OpenAI's shapes or Anthropic's, in
// which the cache's tokens come on top of input_tokens.
func calculatedUsage(answer Fields) (policy.Usage, error) {
	u := policy.Usage{Source: policy.UsageReported}
	raw, ok := answer.Get("usage")
	if !ok || raw.Kind() != '{' {
		return u, badRequest("completion_response.usage", "completion_response has no usage")
	}
	var d decoding
	var in reportedUsage
	d.object(location{"body", "completion_response", "usage"}, raw, &in)
	if err := d.err(); err != nil {
		return u, err
	}
	parts, answerParts := in.PromptParts.Value, in.AnswerParts.Value
	u.Input, u.Output = in.Prompt.Or(0), in.Completion.Or(0)
	u.CacheWrite5m = in.CacheWrite.Or(0)
	switch {
	case in.Prompt.Sent:
		if u.Cached = parts.cached; u.Cached == 0 {
			u.Cached = in.CacheRead.Or(0)
		}
	case in.InputParts.Sent || in.OutputParts.Sent: // OpenAI's responses
		parts, answerParts = in.InputParts.Value, in.OutputParts.Value
		u.Input, u.Output, u.Cached = in.Input.Or(0), in.Output.Or(0), parts.cached
	default:
		u.Cached = in.CacheRead.Or(0)
		u.Input, u.Output = in.Input.Or(0)+u.Cached+u.CacheWrite5m, in.Output.Or(0)
	}
	if hour := min(in.CacheCreation.Value.hour, u.CacheWrite5m); hour > 0 {
		u.CacheWrite5m, u.CacheWrite1h = u.CacheWrite5m-hour, hour
	}
	u.AudioInput, u.AudioOutput, u.Reasoning = parts.audio, answerParts.audio, answerParts.reasoning
	for _, n := range []int64{u.Input, u.Output, u.Cached, u.CacheWrite5m, u.CacheWrite1h, u.AudioInput, u.AudioOutput, u.Reasoning} {
		if n < 0 || n > 1<<40 {
			return u, badRequest("completion_response.usage", "completion_response.usage has a number of tokens that is negative or out of range")
		}
	}
	return u, nil
}
