package policytest

import (
	"time"

	"github.com/purser/purser/policy"
)

// Directory makes a directory of entities, with models.
func Directory(s policy.Settings, models []*policy.Deployment, entities ...policy.Entity) *policy.Directory {
	d := policy.NewDirectory(s.Compile(), policy.NewCatalog(models, nil))
	for _, e := range entities {
		d.Put(e)
	}
	return d
}

// Deployment serves a public name with OpenAI's API, at dollars per million tokens.
func Deployment(model string, input, output int64) *policy.Deployment {
	return &policy.Deployment{
		ID: "d-" + model, Model: model, Provider: "openai", Format: policy.FormatOpenAI, Target: model,
		Scheme: "https", Host: "provider.example", Port: 443,
		Price: PerMillion(input, output), MaxOutput: 4096,
	}
}

// PerMillion is a price in whole dollars per million tokens.
func PerMillion(input, output int64) policy.Price {
	perMillion := int64(policy.Dollar)
	return policy.TokenPrice(policy.Rate(input*perMillion), policy.Rate(output*perMillion))
}

// Key is a virtual key that may do everything.
func Key(plain string) *policy.Key {
	return &policy.Key{Hash: policy.HashKey(plain), Name: "sk-..." + plain[max(0, len(plain)-4):], Record: policy.Record{CreatedAt: Epoch}}
}

// Hold is a hold on a limit of a kind, in the window that kind has by itself, of
// the key "test".
func Hold(k policy.Kind, limit, fixed, perToken int64) policy.Hold {
	h := policy.Hold{Scope: policy.Scope{Kind: policy.ScopeKey, ID: "test"}, Kind: k, Limit: limit, Fixed: fixed, PerToken: perToken}
	h.Window = policy.Window{Kind: k.Info().Window}
	return h
}

// Of puts a hold in another scope.
func Of(kind policy.ScopeKind, id string, h policy.Hold) policy.Hold {
	h.Scope = policy.Scope{Kind: kind, ID: id}
	return h
}

// In puts a hold in the calendar window ("1d") that now lies in, in UTC.
func In(duration string, now time.Time, h policy.Hold) policy.Hold {
	d, err := policy.ParseDuration(duration)
	if err != nil {
		panic(err) // the test is wrong
	}
	h.Window = policy.Every(d, Epoch)
	h.Start, h.End = h.Window.Bounds(now, policy.Calendar{})
	return h
}

// Took is the entry of a request that succeeded.
func Took(id string, input, output int64, cost policy.Money) policy.Entry {
	return policy.Entry{
		Type: policy.EntryRequest, CallID: id, Status: policy.StatusSuccess,
		Usage: policy.Usage{Input: input, Output: output, Source: policy.UsageReported},
		Cost:  policy.Cost{Total: cost, Other: cost},
	}
}
