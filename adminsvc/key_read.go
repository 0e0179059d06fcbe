package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/purser/purser/policy"
)

type keyInfoQuery struct {
	Key Opt[string] `query:"key" doc:"The key or its hash; absent: the calling key"`
}

type keyInfo struct {
	Key  Opt[string] `json:"key"`
	Info Opt[Fields] `json:"info"`
}

type keyInfos struct {
	Key  Opt[[]string] `json:"key"`
	Info Opt[rows]     `json:"info"`
}

func (s *server) keyInfo(ctx context.Context, c *Caller, in *keyInfoQuery) (any, error) {
	ident := in.Key.Or("")
	if ident == "" {
		if c.Key == nil {
			return nil, notFound("key", "Key not found: the master key has no row. Name a key with ?key=")
		}
		ident = c.Key.Hash.String()
	}
	k, deleted, err := s.readableKey(ctx, c, ident)
	if err != nil {
		return nil, err
	}
	info, err := s.keyDetails(ctx, k, deleted)
	if err != nil {
		return nil, err
	}
	return Object{{"key", ident}, {"info", info}}, nil
}

// readableKey reads a key the caller may see, deleted ones included.
func (s *server) readableKey(ctx context.Context, c *Caller, ident string) (k *policy.Key, deleted bool, err error) {
	k, err = loadKey(ctx, s.Store, "key", ident)
	if e := (*Error)(nil); asNotFound(err, &e) {
		gone, _, listErr := policy.List[*policy.Key](ctx, s.Store, policy.Query{
			Kind: policy.EntityKey, Deleted: true, Sort: "deleted_at", Descending: true, Limit: 1,
			Where: []policy.Condition{{Field: "hash", Op: policy.Is, Value: keyHash(ident).String()}},
		})
		switch {
		case listErr != nil:
			err = listErr
		case len(gone) > 0:
			k, deleted, err = gone[0], true, nil
		case c.Role == "":
			err = forbidden("None", "You are not allowed to %s", keyRead) // the same as for a key that is there
		}
	}
	if err != nil {
		return nil, false, err
	}
	on, err := keyTarget(ctx, s.Store, k)
	if err == nil {
		err = s.authorize(ctx, c, keyRead, on)
	}
	return k, deleted, err
}

// keyDetails is a key's row as /key/info shows it: without its token, with its
// status and with what each of its budgets has spent.
func (s *server) keyDetails(ctx context.Context, k *policy.Key, deleted bool) (Object, error) {
	queries := []policy.SpendQuery{}
	add := func(w policy.Window, model string) {
		from, until := w.Bounds(s.now(), s.Settings().Calendar)
		queries = append(queries, policy.SpendQuery{Scope: keySpender(k).scope, Model: model, From: from, Until: until})
	}
	w, err := s.budgetWindow(ctx, s.Store, keySpender(k))
	if err != nil {
		return nil, err
	}
	add(w, "")
	add(policy.Lifetime, "")
	var windows, models []policy.Limit
	for _, l := range (&policy.Limits{BudgetLimits: k.Limits.BudgetLimits, ModelMaxBudget: k.Limits.ModelMaxBudget}).Compile(k.CreatedAt) {
		switch {
		case l.Kind != policy.KindSpend:
			continue
		case l.Model == "":
			windows = append(windows, l)
		default:
			models = append(models, l)
		}
		add(l.Window, l.Model)
	}
	spends, err := s.Spend.Spent(ctx, queries)
	if err != nil {
		return nil, err
	}
	row, err := s.keyRow(ctx, k, spends[0])
	if err != nil {
		return nil, err
	}
	row = row[1:] // without token, which comes first
	row.Set("total_spend", dollars(spends[1]))
	spends = spends[2:]
	if len(windows) > 0 {
		usage := Object{}
		for i, l := range windows {
			usage.Set(k.Limits.BudgetLimits[i].Duration, Object{{"current_spend", dollars(spends[i])}, {"max_budget", dollars(policy.Money(l.Amount))}})
		}
		row.Set("budget_limits_usage", usage)
	}
	if len(models) > 0 {
		usage := Object{}
		for i, l := range models {
			usage.Set(l.Model, Object{{"current_spend", dollars(spends[len(windows)+i])}, {"max_budget", dollars(policy.Money(l.Amount))}})
		}
		row.Set("model_max_budget_usage", usage)
	}
	spentOn, err := s.Spend.ModelSpend(ctx, keySpender(k).scope)
	if err != nil {
		return nil, err
	}
	row.Set("model_spend", moneyMap(spentOn))
	used, err := s.lastUsed(ctx, k)
	if err != nil {
		return nil, err
	}
	row.Set("last_active", when(used[k.Hash.String()]))
	status := s.keyStatus(k)
	if deleted {
		status = "deleted"
	}
	row.Set("status", status)
	return row, nil
}

// lastUsed is when keys last made a request, by their hashes.
func (s *server) lastUsed(ctx context.Context, keys ...*policy.Key) (map[string]time.Time, error) {
	hashes := make([]string, len(keys))
	for i, k := range keys {
		hashes[i] = k.Hash.String()
	}
	return s.Spend.LastUsed(ctx, hashes)
}

type keyInfoBatch struct {
	Body
	Keys    Opt[[]string] `json:"keys"`
	Aliases Opt[[]string] `json:"key_aliases"`
}

func (s *server) keyInfos(ctx context.Context, c *Caller, in *keyInfoBatch) (any, error) {
	if !in.Keys.Sent && !in.Aliases.Sent {
		var d decoding
		d.fail("missing", location{"body", "keys"}, "Field required")
		return nil, d.err()
	}
	idents := in.Keys.Or(nil)
	for _, alias := range in.Aliases.Or(nil) {
		k, err := s.keyByAlias(ctx, s.Store, alias)
		if e := (*Error)(nil); asNotFound(err, &e) {
			continue
		}
		if err != nil {
			return nil, err
		}
		idents = append(idents, k.Hash.String())
	}
	if len(idents) > 500 {
		return nil, badRequest("keys", "At most 500 keys at once")
	}
	shown, infos := []string{}, []Object{}
	for _, ident := range idents {
		k, deleted, err := s.readableKey(ctx, c, ident)
		var e *Error
		if errors.As(err, &e) && e.Status < http.StatusInternalServerError {
			continue // not there, or not theirs
		}
		if err != nil {
			return nil, err
		}
		info, err := s.keyDetails(ctx, k, deleted)
		if err != nil {
			return nil, err
		}
		info.Set("token", k.Hash.String())
		shown, infos = append(shown, ident), append(infos, info)
	}
	return Object{{"key", shown}, {"info", infos}}, nil
}

type keyHealthRow struct {
	Key              Opt[string] `json:"key"`
	LoggingCallbacks Opt[Fields] `json:"logging_callbacks"`
}

// anyBody is a request whose body may hold anything and says nothing.
type anyBody struct{ Body }

func (s *server) keyHealth(context.Context, *Caller, *anyBody) (any, error) {
	// A key that is blocked or expired does not get here.
	return Object{{"key", "healthy"}, {"logging_callbacks", nil}}, nil
}

// moneyMap is a map of amounts as an object, its names in order.
func moneyMap(m map[string]policy.Money) Object {
	out := Object{}
	for _, name := range sortedNames(m) {
		out = append(out, Member{name, dollars(m[name])})
	}
	return out
}

// asNotFound reports whether an error is an answer of 404, and which.
func asNotFound(err error, e **Error) bool {
	return errors.As(err, e) && (*e).Status == http.StatusNotFound
}
