package adminsvc

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// keyActivity is the answer about keys in a time: what each used, and what it is called.
type keyActivity struct {
	Keys Opt[rows] `json:"api_keys" doc:"api_key (its hash), metrics, metadata; those that spent most first"`
}

type keyActivityPage struct {
	keyActivity
	Total  Opt[int64] `json:"total_api_keys"`
	Offset Opt[int64] `json:"offset"`
	Limit  Opt[int64] `json:"limit"`
}

type modelKeyActivity struct {
	Model   Opt[string] `json:"model"`
	ByGroup Opt[bool]   `json:"by_model_group"`
	keyActivity
}

// mostKeys bounds how many keys are told of at once.
const mostKeys = 1000

// keyCount reads how many keys are asked for.
func (f *activityFilters) keyCount(def int64) (int, error) {
	n := f.Limit.Or(def)
	if n < 1 || n > mostKeys {
		return 0, inDetail(badRequest("limit", "limit is a number from 1 to %d", mostKeys))
	}
	return int(n), nil
}

// activeKeys answers with a page of keys, those that spent most first.
func (s *server) activeKeys(ctx context.Context, c *Caller, a *activityScope, f *activityFilters) (any, error) {
	n, err := f.keyCount(100)
	if err != nil {
		return nil, err
	}
	from := f.Offset.Or(0)
	if from < 0 {
		return nil, inDetail(badRequest("offset", "offset must not be negative"))
	}
	days, err := s.activity(ctx, c, a, f, policy.ByKey)
	if err != nil {
		return nil, err
	}
	sums := keyTotals(days.newest())
	delete(sums, "")
	names := dearest(sums, 0)
	first := int(min(from, int64(len(names))))
	rows, err := s.keyActivityRows(ctx, sums, names[first:min(first+n, len(names))])
	return Object{{"api_keys", rows}, {"total_api_keys", len(names)}, {"offset", from}, {"limit", n}}, err
}

// findActiveKeys answers with the keys that a text is in the alias, the name, the hash or the user of.
func (s *server) findActiveKeys(ctx context.Context, c *Caller, a *activityScope, f *activityFilters) (any, error) {
	n, err := f.keyCount(50)
	if err != nil {
		return nil, err
	}
	text := strings.ToLower(strings.TrimSpace(f.Search.Or("")))
	if text == "" {
		return nil, inDetail(badRequest("search", "search is a part of a key's alias, name, hash or user"))
	}
	days, err := s.activity(ctx, c, a, f, policy.ByKey)
	if err != nil {
		return nil, err
	}
	sums := keyTotals(days.newest())
	delete(sums, "")
	all := dearest(sums, 0)
	names, err := s.keyNames(ctx, all)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, hash := range all {
		in := strings.HasPrefix(hash, text)
		for _, field := range []string{"key_alias", "key_name", "user_id", "user_email"} {
			v, _ := names[hash].Get(field).(string)
			in = in || strings.Contains(strings.ToLower(v), text)
		}
		if in && len(found) < n {
			found = append(found, hash)
		}
	}
	rows, err := s.keyActivityRows(ctx, sums, found)
	return Object{{"api_keys", rows}}, err
}

// modelKeys answers with the keys that spent most on a model.
func (s *server) modelKeys(ctx context.Context, c *Caller, a *activityScope, f *activityFilters) (any, error) {
	n, err := f.keyCount(10)
	if err != nil {
		return nil, err
	}
	model := f.ModelGroup.Or("")
	if model == "" {
		return nil, inDetail(badRequest("model_group", "model_group names the model"))
	}
	days, err := s.activity(ctx, c, a, f, policy.ByKey|policy.ByModel)
	if err != nil {
		return nil, err
	}
	byGroup := f.ByModelGroup.Or(true)
	sums := map[string]*metrics{}
	for _, d := range days {
		parts := d.groups
		if !byGroup {
			parts = d.models
		}
		if parts[model] == nil {
			continue
		}
		for hash, m := range parts[model].keys {
			if hash == "" {
				continue
			}
			if sums[hash] == nil {
				sums[hash] = &metrics{}
			}
			sums[hash].addAll(m)
		}
	}
	rows, err := s.keyActivityRows(ctx, sums, dearest(sums, n))
	return Object{{"model", model}, {"by_model_group", byGroup}, {"api_keys", rows}}, err
}

func (s *server) keyActivityRows(ctx context.Context, sums map[string]*metrics, hashes []string) ([]Object, error) {
	names, err := s.keyNames(ctx, hashes)
	out := []Object{}
	for _, hash := range hashes {
		out = append(out, Object{{"api_key", hash}, {"metrics", sums[hash].row()}, {"metadata", names[hash]}})
	}
	return out, err
}

// activeUsersQuery narrows dau, wau and mau.
type activeUsersQuery struct {
	Filter  Opt[string]   `query:"tag_filter" doc:"Only this tag"`
	Filters Opt[[]string] `query:"tag_filters" doc:"Only these tags"`
}

// activeUsersRoutes: how many users were active with a tag, by day, week and month.
func activeUsersRoutes(s *server) {
	for _, span := range []struct {
		path, what string
		days       int
	}{{"dau", "day, of the last seven", 1}, {"wau", "seven days, of the last seven times seven", 7}, {"mau", "thirty days, of the last seven times thirty", 30}} {
		op := operation{Method: http.MethodGet, Path: "/tag/" + span.path, Tag: "spend", Summary: "How many users made calls with a tag in each " + span.what, Reply: resultRows{}}
		route(s, op, func(ctx context.Context, c *Caller, in *activeUsersQuery) (any, error) {
			return s.activeUsers(ctx, c, in, span.days)
		})
	}
}

// activeUsers counts users in seven spans of days, the newest first; today is the newest's last.
func (s *server) activeUsers(ctx context.Context, c *Caller, in *activeUsersQuery, days int) (any, error) {
	if err := s.mayReadAllSpend(ctx, c); err != nil {
		return nil, err
	}
	const spans = 7
	today := s.now().Truncate(24 * time.Hour)
	q := policy.ActivityQuery{Scope: policy.ScopeTag, From: today.AddDate(0, 0, 1-spans*days), Until: today.AddDate(0, 0, 1)}
	if only := union(in.Filters.Or(nil), csvList(in.Filter)); len(only) > 0 {
		q.IDs = only
	}
	list, err := s.Spend.Activity(ctx, q)
	if err != nil {
		return nil, err
	}
	owners, err := s.keyOwners(ctx, list)
	if err != nil {
		return nil, err
	}
	out := []Object{}
	for i := range spans {
		last := today.AddDate(0, 0, -i*days)
		first := last.AddDate(0, 0, 1-days)
		from, to := first.Format("2006-01-02"), last.Format("2006-01-02")
		users := map[string]map[string]bool{}
		for _, r := range list {
			if r.Day < from || r.Day > to {
				continue
			}
			if users[r.Entity] == nil {
				users[r.Entity] = map[string]bool{}
			}
			if u := owners[r.KeyHash]; u != "" {
				users[r.Entity][u] = true
			}
		}
		for _, tag := range sortedNames(users) {
			out = append(out, Object{{"tag", tag}, {"active_users", len(users[tag])}, {"date", to}, {"period_start", from}, {"period_end", to}})
		}
	}
	return Object{{"results", out}}, nil
}
