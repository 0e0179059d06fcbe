package adminsvc

import (
	"context"
	"slices"

	json "github.com/go-json-experiment/json"

	"github.com/purser/purser/policy"
)

// groupUsers are the keys and teams that have a group among their access_group_ids.
type groupUsers struct {
	keys  []*policy.Key
	teams []*policy.Team
}

func usersOfGroup(ctx context.Context, r policy.Reader, g *policy.AccessGroup) (u groupUsers, err error) {
	where := []policy.Condition{{Field: "access_group", Op: policy.Is, Value: g.ID}}
	if u.keys, _, err = policy.List[*policy.Key](ctx, r, policy.Query{Kind: policy.EntityKey, Where: where}); err != nil {
		return u, err
	}
	u.teams, _, err = policy.List[*policy.Team](ctx, r, policy.Query{Kind: policy.EntityTeam, Where: where})
	return u, err
}

// rows are the ids and the rows of who has the group, those that were named first in their order.
func (u groupUsers) rows(keysNamed, teamsNamed []string) (keys, teams []string, keyRows, teamRows []Object) {
	type user struct{ id, name string }
	list := func(users []user, named []string) ([]string, []Object) {
		at := func(u user) int {
			if i := slices.Index(named, u.id); i >= 0 {
				return i
			}
			return len(named)
		}
		slices.SortStableFunc(users, func(a, b user) int { return at(a) - at(b) })
		ids, rows := make([]string, len(users)), make([]Object, len(users))
		for i, u := range users {
			ids[i], rows[i] = u.id, Object{{"id", u.id}, {"name", orNull(u.name)}}
		}
		return ids, rows
	}
	var k, t []user
	for _, key := range u.keys {
		k = append(k, user{key.Hash.String(), key.Alias})
	}
	for _, team := range u.teams {
		t = append(t, user{team.ID, team.Alias})
	}
	keys, keyRows = list(k, keysNamed)
	teams, teamRows = list(t, teamsNamed)
	return keys, teams, keyRows, teamRows
}

// assignGroup gives a group to the keys and teams that were sent, and takes it from the
// others; where a list was not sent, who has it stays. It is the same as changing their access_group_ids.
func (s *server) assignGroup(ctx context.Context, tx policy.Tx, c *Caller, g *policy.AccessGroup, sent *groupFields) error {
	if !sent.Keys.Sent && !sent.Teams.Sent {
		return nil
	}
	users, err := usersOfGroup(ctx, tx, g)
	if err != nil {
		return err
	}
	if sent.Keys.Sent {
		var want []policy.KeyHash
		for _, ident := range sent.Keys.Or(nil) {
			k, err := loadKey(ctx, tx, "assigned_key_ids", ident)
			if e := (*Error)(nil); asNotFound(err, &e) {
				return badRequest("assigned_key_ids", "%s", e.Message)
			}
			if err != nil {
				return err
			}
			if slices.Contains(want, k.Hash) {
				continue
			}
			want = append(want, k.Hash)
			if slices.ContainsFunc(users.keys, func(has *policy.Key) bool { return has.Hash == k.Hash }) {
				continue
			}
			fields, err := withGroup(storedFields(k.Fields), g.ID)
			if err != nil {
				return err
			}
			if k, err = s.changeKey(ctx, tx, c, k, fields, Opt[string]{}, []action{keyChange}); err != nil {
				return err
			}
			if err := tx.Update(ctx, k); err != nil {
				return err
			}
		}
		for _, k := range users.keys {
			if !slices.Contains(want, k.Hash) {
				if err := s.takeKeyGroup(ctx, tx, c, g, k); err != nil {
					return err
				}
			}
		}
	}
	if sent.Teams.Sent {
		var want []string
		for _, id := range sent.Teams.Or(nil) {
			t, err := loadTeam(ctx, tx, id)
			if e := (*Error)(nil); asNotFound(err, &e) {
				return badRequest("assigned_team_ids", "%s", e.Message)
			}
			if err != nil {
				return err
			}
			if slices.Contains(want, t.ID) {
				continue
			}
			want = append(want, t.ID)
			if slices.ContainsFunc(users.teams, func(has *policy.Team) bool { return has.ID == t.ID }) {
				continue
			}
			fields, err := withGroup(storedFields(t.Fields), g.ID)
			if err != nil {
				return err
			}
			if t, err = s.mergeTeam(ctx, tx, c, t, fields); err != nil {
				return err
			}
			t.UpdatedAt, t.UpdatedBy = s.now(), c.UserID
			if err := tx.Update(ctx, t); err != nil {
				return err
			}
		}
		for _, t := range users.teams {
			if !slices.Contains(want, t.ID) {
				if err := s.takeTeamGroup(ctx, tx, c, g, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hashedKeys is what was sent with the hashes of keys in place of keys: it is kept.
func hashedKeys(sent Fields, keys Opt[[]string]) Fields {
	if len(keys.Or(nil)) == 0 {
		return sent
	}
	hashes := make([]string, len(keys.Value))
	for i, ident := range keys.Value {
		hashes[i] = keyHash(ident).String()
	}
	text, err := json.Marshal(hashes)
	if err != nil { // unreachable: they are hexadecimal
		return sent.Without("assigned_key_ids")
	}
	return sent.With("assigned_key_ids", text)
}

// withGroup is what is sent to give a group besides those an entity has.
func withGroup(fields Fields, id string) (Fields, error) {
	ids, err := groupIDs(fields)
	if err != nil {
		return nil, err
	}
	return groupsAre(append(ids, id))
}

func groupIDs(fields Fields) ([]string, error) {
	text, ok := fields.Get("access_group_ids")
	if !ok {
		return nil, nil
	}
	var ids []string
	return ids, json.Unmarshal(text, &ids)
}

func groupsAre(ids []string) (Fields, error) {
	text, err := json.Marshal(ids)
	return Fields{}.With("access_group_ids", text), err
}

// withoutGroup is an entity's fields without a group, and the groups that are left. Taking needs
// none of the checks that giving does: an empty list of models stays empty, another gets shorter.
func withoutGroup(ctx context.Context, r policy.Reader, stored []byte, id string) (fields Fields, groups []string, err error) {
	fields = storedFields(stored)
	ids, err := groupIDs(fields)
	if err != nil {
		return nil, nil, err
	}
	ids = slices.DeleteFunc(ids, func(have string) bool { return have == id })
	only, err := groupsAre(ids)
	if err != nil {
		return nil, nil, err
	}
	groups, err = grantedGroups(ctx, r, Opt[[]string]{Value: ids, Sent: true})
	return fields.Merge(only), groups, err
}

func (s *server) takeKeyGroup(ctx context.Context, tx policy.Tx, c *Caller, g *policy.AccessGroup, k *policy.Key) error {
	fields, groups, err := withoutGroup(ctx, tx, k.Fields, g.ID)
	if err != nil {
		return err
	}
	in, err := decodeStored[keyFields](fields)
	if err != nil {
		return err
	}
	changed := *k
	changed.Models = grant(in.Models.Or(nil), groups)
	changed.Fields, changed.UpdatedAt, changed.UpdatedBy = fields.Stored(), s.now(), c.UserID
	return tx.Update(ctx, &changed)
}

func (s *server) takeTeamGroup(ctx context.Context, tx policy.Tx, c *Caller, g *policy.AccessGroup, t *policy.Team) error {
	fields, groups, err := withoutGroup(ctx, tx, t.Fields, g.ID)
	if err != nil {
		return err
	}
	in, err := decodeStored[teamFields](fields)
	if err != nil {
		return err
	}
	changed := *t
	changed.Models = grant(in.Models.Or(nil), groups)
	changed.Fields, changed.UpdatedAt, changed.UpdatedBy = fields.Stored(), s.now(), c.UserID
	return tx.Update(ctx, &changed)
}
