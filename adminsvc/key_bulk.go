package adminsvc

import (
	"context"
	"net/http"

	"github.com/purser/purser/policy"
)

const (
	keyBulk        action = "change many keys"
	teamKeysInBulk action = "change all of this team's keys"
)

func init() {
	rules[keyBulk] = rule{allow: isAdmin}
	rules[teamKeysInBulk] = rule{allow: managers, permission: "/team/key/bulk_update"}
}

type keysUpdate struct {
	Body
	Keys Opt[fieldsList] `json:"keys" required:"true" doc:"Up to 500 bodies of /key/update"`
}

type keysUpdated struct {
	Total      Opt[int64] `json:"total_requested"`
	Successful Opt[rows]  `json:"successful_updates"`
	Failed     Opt[rows]  `json:"failed_updates"`
}

func keyBulks(s *server) {
	op := func(path, summary string) operation {
		return operation{Method: http.MethodPost, Path: path, Tag: "keys", Summary: summary, Reply: keysUpdated{}}
	}
	route(s, op("/key/bulk_update", "Change up to 500 keys, each on its own, and hear of each"), s.bulkUpdateKeys)
	route(s, op("/team/key/bulk_update", "Change many or all keys of a team, each on its own, and hear of each"), s.bulkUpdateTeamKeys)
}

func (s *server) bulkUpdateKeys(ctx context.Context, c *Caller, in *keysUpdate) (any, error) {
	if err := s.authorize(ctx, c, keyBulk, target{}); err != nil {
		return nil, err
	}
	return s.updateKeys(ctx, c, in.Keys.Value)
}

// updateKeys changes each key in a write of its own: one that cannot be changed stops no other.
func (s *server) updateKeys(ctx context.Context, c *Caller, list []Fields) (any, error) {
	if len(list) == 0 {
		return nil, badRequest("keys", "keys names no key")
	}
	if len(list) > mostInBulk {
		return nil, badRequest("keys", "At most %d keys at once", mostInBulk)
	}
	done, failed := []Object{}, []Object{}
	for _, fields := range list {
		one, err := decodeSent[keyUpdate](fields)
		var row any
		if err == nil && one.Key.Or("") == "" {
			err = badRequest("key", "Which key?")
		}
		sent := one.Key.Or("") // so callers find theirs in the reply; messages and rows have its hash
		if err == nil {
			one.Key.Value = keyHash(sent).String()
			row, err = s.updateKey(ctx, c, one)
		}
		if err == nil {
			done = append(done, Object{{"key", sent}, {"key_info", row}})
			continue
		}
		if asError(err).Status >= http.StatusInternalServerError {
			return nil, err
		}
		failed = append(failed, Object{{"key", sent}, {"key_info", nil}, {"failed_reason", explained(err)}})
	}
	return Object{{"total_requested", len(list)}, {"successful_updates", done}, {"failed_updates", failed}}, nil
}

type teamKeysUpdate struct {
	Body
	TeamID  Opt[string]   `json:"team_id" required:"true"`
	KeyIDs  Opt[[]string] `json:"key_ids" doc:"Keys of the team, or their hashes"`
	AllKeys Opt[bool]     `json:"all_keys_in_team"`
	Updates Opt[Fields]   `json:"update_fields" required:"true" doc:"As in /key/update"`
}

// movesKey are the fields that change whose a key is, or which key is meant: not in bulk.
var movesKey = []string{"key", "key_alias", "team_id", "user_id", "project_id", "organization_id"}

func (s *server) bulkUpdateTeamKeys(ctx context.Context, c *Caller, in *teamKeysUpdate) (any, error) {
	t, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, teamKeysInBulk)
	if err != nil {
		return nil, err
	}
	for _, f := range in.Updates.Value {
		if contains(movesKey, f.Name) {
			return nil, badRequest("update_fields."+f.Name, "%s cannot be the same for many keys", f.Name)
		}
	}
	if _, err := decodeSent[keyUpdate](in.Updates.Value); err != nil {
		return nil, err
	}
	ids := in.KeyIDs.Or(nil)
	if in.AllKeys.Or(false) == (len(ids) > 0) {
		return nil, badRequest("key_ids", "Send key_ids, or all_keys_in_team: one of them")
	}
	keys, total, err := policy.List[*policy.Key](ctx, s.Store, policy.Query{Kind: policy.EntityKey, Limit: mostInBulk + 1, Where: []policy.Condition{
		{Field: "team_id", Op: policy.Is, Value: t.ID}, {Field: "revoked_at", Op: policy.Is, Value: nil},
	}})
	if err != nil {
		return nil, err
	}
	if in.AllKeys.Or(false) {
		if total > mostInBulk {
			return nil, badRequest("all_keys_in_team", "Team %s has %d keys: at most %d can be changed at once", t.ID, total, mostInBulk)
		}
		for _, k := range keys {
			ids = append(ids, k.Hash.String())
		}
		if len(ids) == 0 {
			return Object{{"total_requested", 0}, {"successful_updates", []Object{}}, {"failed_updates", []Object{}}}, nil
		}
	}
	list, foreign := []Fields{}, []Object{}
	for _, id := range ids {
		k, err := find[*policy.Key](ctx, s.Store, policy.EntityKey, keyHash(id).String())
		if err != nil {
			return nil, err
		}
		if k == nil || k.TeamID != t.ID {
			foreign = append(foreign, Object{{"key", id}, {"key_info", nil}, {"failed_reason", "This is no key of team " + t.ID}})
			continue
		}
		list = append(list, in.Updates.Value.With("key", quote(k.Hash.String())))
	}
	out := Object{{"total_requested", 0}, {"successful_updates", []Object{}}, {"failed_updates", []Object{}}}
	if len(list) > 0 {
		got, err := s.updateKeys(ctx, c, list)
		if err != nil {
			return nil, err
		}
		out = got.(Object)
	}
	failed, _ := out.Get("failed_updates").([]Object)
	out.Set("failed_updates", append(failed, foreign...))
	out.Set("total_requested", len(ids))
	return out, nil
}
