package codec

import (
	"time"

	"github.com/purser/purser/policy"
)

type (
	entry = policy.Entry
	price = policy.Price
	tier  = policy.Tier
)

// entryFields says how an Entry is written. A field of Entry that is missing
// here fails TestCodecCoversEveryField. Never change or reuse a number.
var entryFields = schema[entry]{
	1:  text(func(e *entry) *policy.EntryType { return &e.Type }),
	2:  text(func(e *entry) *string { return &e.CallID }),
	3:  text(func(e *entry) *string { return &e.RequestID }),
	4:  text(func(e *entry) *string { return &e.Session }),
	5:  text(func(e *entry) *string { return &e.Upstream }),
	6:  text(func(e *entry) *string { return &e.KeyHash }),
	7:  text(func(e *entry) *string { return &e.KeyAlias }),
	8:  text(func(e *entry) *string { return &e.UserID }),
	9:  text(func(e *entry) *string { return &e.TeamID }),
	10: text(func(e *entry) *string { return &e.TeamAlias }),
	11: text(func(e *entry) *string { return &e.ProjectID }),
	12: text(func(e *entry) *string { return &e.ProjectAlias }),
	13: text(func(e *entry) *string { return &e.OrganizationID }),
	14: text(func(e *entry) *string { return &e.CustomerID }),
	15: texts(func(e *entry) *[]string { return &e.Tags }),
	16: text(func(e *entry) *string { return &e.CallType }),
	17: text(func(e *entry) *string { return &e.Route }),
	18: text(func(e *entry) *string { return &e.ModelAsked }),
	19: text(func(e *entry) *string { return &e.ModelGroup }),
	20: text(func(e *entry) *string { return &e.Model }),
	21: text(func(e *entry) *string { return &e.Deployment }),
	22: text(func(e *entry) *string { return &e.Provider }),
	23: text(func(e *entry) *string { return &e.APIBase }),
	24: number(func(e *entry) *int { return &e.Attempts }),
	25: flag(func(e *entry) *bool { return &e.Stream }),
	26: instant(func(e *entry) *time.Time { return &e.ReservedAt }),
	27: instant(func(e *entry) *time.Time { return &e.StartedAt }),
	28: instant(func(e *entry) *time.Time { return &e.FirstByte }),
	29: instant(func(e *entry) *time.Time { return &e.EndedAt }),
	30: text(func(e *entry) *policy.Status { return &e.Status }),
	31: number(func(e *entry) *int { return &e.HTTPStatus }),
	32: text(func(e *entry) *string { return &e.Error }),
	33: number(func(e *entry) *int64 { return &e.Usage.Input }),
	34: number(func(e *entry) *int64 { return &e.Usage.Cached }),
	35: number(func(e *entry) *int64 { return &e.Usage.CacheWrite5m }),
	36: number(func(e *entry) *int64 { return &e.Usage.CacheWrite1h }),
	37: number(func(e *entry) *int64 { return &e.Usage.AudioInput }),
	38: number(func(e *entry) *int64 { return &e.Usage.ImageInput }),
	39: number(func(e *entry) *int64 { return &e.Usage.Output }),
	40: number(func(e *entry) *int64 { return &e.Usage.Reasoning }),
	41: number(func(e *entry) *int64 { return &e.Usage.AudioOutput }),
	42: number(func(e *entry) *int64 { return &e.Usage.ImageOutput }),
	43: number(func(e *entry) *int64 { return &e.Usage.Images }),
	44: number(func(e *entry) *int64 { return &e.Usage.Pixels }),
	45: number(func(e *entry) *int64 { return &e.Usage.Characters }),
	46: number(func(e *entry) *int64 { return &e.Usage.Millis }),
	47: number(func(e *entry) *int64 { return &e.Usage.Queries }),
	48: number(func(e *entry) *int64 { return &e.Usage.Searches }),
	49: text(func(e *entry) *string { return &e.Usage.ServiceTier }),
	50: number(func(e *entry) *policy.UsageSource { return &e.Usage.Source }),
	51: number(func(e *entry) *policy.Money { return &e.Cost.Total }),
	52: number(func(e *entry) *policy.Money { return &e.Cost.Input }),
	53: number(func(e *entry) *policy.Money { return &e.Cost.Output }),
	54: number(func(e *entry) *policy.Money { return &e.Cost.CacheRead }),
	55: number(func(e *entry) *policy.Money { return &e.Cost.CacheWrite }),
	56: number(func(e *entry) *policy.Money { return &e.Cost.Reasoning }),
	57: number(func(e *entry) *policy.Money { return &e.Cost.Other }),
	58: text(func(e *entry) *string { return &e.ClientIP }),
	59: text(func(e *entry) *string { return &e.UserAgent }),
	60: number(func(e *entry) *int64 { return &e.Clamped }),
	61: text(func(e *entry) *string { return &e.AdjustedKind }),
	62: text(func(e *entry) *string { return &e.AdjustedID }),
	63: text(func(e *entry) *string { return &e.Limits }),
}

var underwayFields = schema[Underway]{
	1: instant(func(u *Underway) *time.Time { return &u.ReservedAt }),
	2: number(func(u *Underway) *int64 { return &u.Output }),
	3: nested(entryFields, func(u *Underway) *entry { return &u.Draft.Entry }),
	4: nested(priceFields, func(u *Underway) *price { return &u.Draft.Price }),
	5: number(func(u *Underway) *int64 { return &u.Draft.Input }),
	6: number(func(u *Underway) *int64 { return &u.Draft.Choices }),
	7: number(func(u *Underway) *policy.Money { return &u.Draft.Flat }),
}

var priceFields = append(rates(func(p *price) *price { return p }),
	list(tierFields, func(p *price) *[]tier { return &p.Tiers })) // 19

// tierFields leaves out a tier's own tiers, which no price has.
var tierFields = append(rates(func(t *tier) *price { return &t.Price }),
	number(func(t *tier) *int64 { return &t.Above }),      // 19
	text(func(t *tier) *string { return &t.ServiceTier })) // 20

// rates are fields 1 to 18 of whatever holds a price.
func rates[T any](of func(*T) *price) schema[T] {
	return schema[T]{
		1:  number(func(v *T) *policy.Rate { return &of(v).Input }),
		2:  number(func(v *T) *policy.Rate { return &of(v).Output }),
		3:  number(func(v *T) *policy.Rate { return &of(v).Cached }),
		4:  number(func(v *T) *policy.Rate { return &of(v).CacheWrite5m }),
		5:  number(func(v *T) *policy.Rate { return &of(v).CacheWrite1h }),
		6:  number(func(v *T) *policy.Rate { return &of(v).AudioInput }),
		7:  number(func(v *T) *policy.Rate { return &of(v).AudioOutput }),
		8:  number(func(v *T) *policy.Rate { return &of(v).ImageInput }),
		9:  number(func(v *T) *policy.Rate { return &of(v).ImageOutput }),
		10: number(func(v *T) *policy.Rate { return &of(v).Reasoning }),
		11: number(func(v *T) *policy.Rate { return &of(v).PerImage }),
		12: number(func(v *T) *policy.Rate { return &of(v).PerPixel }),
		13: number(func(v *T) *policy.Rate { return &of(v).PerCharacter }),
		14: number(func(v *T) *policy.Rate { return &of(v).PerSecond }),
		15: number(func(v *T) *policy.Rate { return &of(v).PerQuery }),
		16: number(func(v *T) *policy.Rate { return &of(v).PerSearch }),
		17: number(func(v *T) *policy.Rate { return &of(v).PerRequest }),
		18: flag(func(v *T) *bool { return &of(v).Known }),
	}
}
