package adminsvc

import (
	"context"
	"slices"

	"github.com/purser/purser/policy"
)

// mostAtOnce bounds the ids of one look-up.
const mostAtOnce = 1000

// eachOf reads the entities of ids in batches; those that are gone are left out.
func eachOf[E policy.Entity](ctx context.Context, r policy.Reader, kind policy.EntityKind, field string, ids []string, deleted bool, f func(E)) error {
	for batch := range slices.Chunk(ids, mostAtOnce) {
		list, _, err := policy.List[E](ctx, r, policy.Query{Kind: kind, Deleted: deleted, Where: []policy.Condition{{Field: field, Op: policy.In, Value: batch}}})
		if err != nil {
			return err
		}
		for _, e := range list {
			f(e)
		}
	}
	return nil
}

// keyNames tells of keys what a chart's legend needs: LiteLLM's KeyMetadata.
func (s *server) keyNames(ctx context.Context, hashes []string) (map[string]Object, error) {
	out := map[string]Object{}
	users := map[string]*policy.User{}
	found := map[string]*policy.Key{}
	gone := map[string]*policy.Key{}
	if err := eachOf(ctx, s.Store, policy.EntityKey, "hash", hashes, false, func(k *policy.Key) { found[k.Hash.String()] = k }); err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(hashes), func(h string) bool { return found[h] != nil })
	if err := eachOf(ctx, s.Store, policy.EntityKey, "hash", missing, true, func(k *policy.Key) { gone[k.Hash.String()] = k }); err != nil {
		return nil, err
	}
	var ids []string
	for _, keys := range []map[string]*policy.Key{found, gone} {
		for _, k := range keys {
			if k.UserID != "" && !slices.Contains(ids, k.UserID) && len(ids) < mostAtOnce {
				ids = append(ids, k.UserID)
			}
		}
	}
	if err := eachOf(ctx, s.Store, policy.EntityUser, "id", ids, false, func(u *policy.User) { users[u.ID] = u }); err != nil {
		return nil, err
	}
	for _, h := range hashes {
		k, exists := found[h]
		if !exists {
			k = gone[h]
		}
		meta := Object{{"key_alias", nil}, {"team_id", nil}, {"user_id", nil}, {"user_email", nil}, {"key_exists", exists}}
		if k != nil {
			meta = Object{{"key_alias", orNull(k.Alias)}, {"team_id", orNull(k.TeamID)}, {"user_id", orNull(k.UserID)}, {"user_email", nil}, {"key_exists", exists},
				{"key_name", k.Name}, {"project_id", orNull(k.ProjectID)}}
			if u := users[k.UserID]; u != nil {
				meta.Set("user_email", orNull(u.Email))
			}
		}
		out[h] = meta
	}
	return out, nil
}

// entityNames tells the aliases of entities of a kind.
func (s *server) entityNames(ctx context.Context, kind policy.ScopeKind, ids []string) (map[string]Object, error) {
	out := map[string]Object{}
	var err error
	switch kind {
	case policy.ScopeTeam:
		err = eachOf(ctx, s.Store, policy.EntityTeam, "id", ids, false, func(t *policy.Team) {
			out[t.ID] = Object{{"team_alias", orNull(t.Alias)}, {"alias", orNull(t.Alias)}}
		})
	case policy.ScopeProject:
		err = eachOf(ctx, s.Store, policy.EntityProject, "id", ids, false, func(p *policy.Project) {
			out[p.ID] = Object{{"project_alias", orNull(p.Alias)}, {"alias", orNull(p.Alias)}, {"team_id", orNull(p.TeamID)}}
		})
	case policy.ScopeOrganization:
		err = eachOf(ctx, s.Store, policy.EntityOrganization, "id", ids, false, func(o *policy.Organization) {
			out[o.ID] = Object{{"organization_alias", orNull(o.Alias)}, {"alias", orNull(o.Alias)}}
		})
	case policy.ScopeUser:
		err = eachOf(ctx, s.Store, policy.EntityUser, "id", ids, false, func(u *policy.User) {
			out[u.ID] = Object{{"user_alias", orNull(u.Alias)}, {"user_email", orNull(u.Email)}, {"alias", orNull(u.Alias)}}
		})
	case policy.ScopeCustomer:
		err = eachOf(ctx, s.Store, policy.EntityCustomer, "id", ids, false, func(c *policy.Customer) { out[c.ID] = Object{{"alias", orNull(c.Alias)}} })
	}
	return out, err
}
