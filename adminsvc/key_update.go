package adminsvc

import (
	"context"
	"errors"
	"slices"

	"github.com/purser/purser/policy"
)

type keyUpdate struct {
	Body
	Key Opt[string] `json:"key" doc:"The key or its hash; key_alias finds it where this is absent"`
	keyFields
}

type keyUpdated struct {
	Key Opt[string] `json:"key"`
	keyRow
}

func (s *server) updateKey(ctx context.Context, c *Caller, in *keyUpdate) (any, error) {
	ident := in.Key.Or("")
	if ident == "" {
		alias := in.KeyAlias.Or("")
		if alias == "" {
			var d decoding
			d.fail("missing", location{"body", "key"}, "Field required")
			return nil, d.err()
		}
		k, err := s.keyByAlias(ctx, s.Store, alias)
		if err != nil {
			return nil, err
		}
		ident = k.Hash.String()
	}
	if spend, ok := in.Spend.Get(); ok && spend < 0 {
		return nil, badRequest("spend", "spend must not be negative")
	}
	var k *policy.Key
	change := func(tx policy.Tx) error {
		old, err := loadKey(ctx, tx, "key", ident)
		if err != nil {
			return s.unknownKey(c, err)
		}
		k, err = s.changeKey(ctx, tx, c, old, in.Sent.Without("key"), in.Duration, keyUpdateAction(in))
		if err != nil {
			return err
		}
		return tx.Update(ctx, k)
	}
	if spend, ok := in.Spend.Get(); ok {
		if err := s.writeWithSpend(ctx, c, spend, change, func() spender { return keySpender(k) }); err != nil {
			return nil, err
		}
	} else if err := s.Store.Write(ctx, c.Actor, change); err != nil {
		return nil, err
	}
	rows, err := s.keyRows(ctx, k)
	if err != nil {
		return nil, err
	}
	shown := in.Key.Or("")
	if shown == "" {
		shown = k.Hash.String()
	}
	return render[keyUpdated](storedFields(k.Fields), append(Object{{"key", shown}}, rows[0]...)), nil
}

// keyUpdateAction is what an update does besides changing: spend is its own right.
func keyUpdateAction(in *keyUpdate) []action {
	if in.Spend.Sent {
		return []action{keyChange, keyResetSpend}
	}
	return []action{keyChange}
}

// unknownKey keeps from callers who may not read keys whether one exists.
func (s *server) unknownKey(c *Caller, err error) error {
	if c.Role == "" {
		return onlyAdmins(c, keyChange)
	}
	return err
}

// changeKey is a key with what was sent over its fields, checked in every way
// and not yet written.
func (s *server) changeKey(ctx context.Context, tx policy.Tx, c *Caller, old *policy.Key, sent Fields, duration Opt[string], needs []action) (*policy.Key, error) {
	on, err := keyTarget(ctx, tx, old)
	if err != nil {
		return nil, err
	}
	for _, a := range needs {
		if err := s.authorize(ctx, c, a, on); err != nil {
			return nil, err
		}
	}
	fields := s.moveKey(storedFields(old.Fields).Merge(sent.Without(transientKeyFields...)), sent)
	in, err := decodeStored[keyFields](fields)
	if err != nil {
		return nil, err
	}
	k := *old
	k.UpdatedAt, k.UpdatedBy = s.now(), c.UserID
	routes := old.AllowedRoutes
	if err := compileKey(&k, in); err != nil {
		return nil, err
	}
	if err := s.checkKeyBounds(sent, &k.Limits, duration); err != nil {
		return nil, err
	}
	if !has(sent, "allowed_routes") {
		k.AllowedRoutes = routes // key_type may have set them
	}
	if duration.Sent {
		if k.Expires, err = s.expiry(duration); err != nil {
			return nil, err
		}
	}
	if k.Blocked != old.Blocked {
		if err := s.authorize(ctx, c, keyBlock, on); err != nil {
			return nil, err
		}
	}
	if err := s.admitKey(ctx, tx, c, keyCreate, old, &k, in); err != nil {
		return nil, err
	}
	if err := s.onlyNarrower(ctx, tx, c, on, old, &k); err != nil {
		return nil, err
	}
	k.Fields = fields.Stored()
	return &k, nil
}

// moveKey lets a key follow: to a project's team when only the project is sent,
// out of its project when only another team is.
func (s *server) moveKey(fields, sent Fields) Fields {
	if has(sent, "project_id") && !has(sent, "team_id") {
		if sent.Has("project_id") {
			fields = fields.Without("team_id", "organization_id")
		}
	} else if has(sent, "team_id") && !has(sent, "organization_id") {
		fields = fields.Without("organization_id")
	}
	return fields
}

// onlyNarrower holds who merely owns a key to what whoever made it for them
// allowed: they may take from it, not add.
func (s *server) onlyNarrower(ctx context.Context, r policy.Reader, c *Caller, on target, old, k *policy.Key) error {
	is, err := s.relationTo(ctx, c, on)
	if err != nil || is&managers != 0 || old.CreatedBy == c.UserID && c.UserID != "" && is&isSelf == 0 {
		return err
	}
	return s.within(ctx, r, k, old)
}

func (s *server) keyByAlias(ctx context.Context, r policy.Reader, alias string) (*policy.Key, error) {
	list, _, err := policy.List[*policy.Key](ctx, r, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{
		{Field: "alias", Op: policy.Is, Value: alias}, {Field: "revoked_at", Op: policy.Is, Value: nil},
	}})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, notFound("key_alias", "Key not found: alias %s", clip(alias))
	}
	return list[0], nil
}

type keyBlocking struct {
	Body
	Key Opt[string] `json:"key" required:"true"`
}

func (s *server) blockKey(ctx context.Context, c *Caller, in *keyBlocking) (any, error) {
	return s.setKeyBlocked(ctx, c, in, true)
}

func (s *server) unblockKey(ctx context.Context, c *Caller, in *keyBlocking) (any, error) {
	return s.setKeyBlocked(ctx, c, in, false)
}

func (s *server) setKeyBlocked(ctx context.Context, c *Caller, in *keyBlocking, blocked bool) (any, error) {
	ident := in.Key.Or("")
	if _, isHash := policy.ParseKeyHash(ident); !isHash && (len(ident) < 3 || ident[:3] != "sk-") {
		return nil, badRequest("key", "key must be a key (sk-…) or the hash of one")
	}
	var k *policy.Key
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := loadKey(ctx, tx, "key", ident)
		if err != nil {
			return s.unknownKey(c, err)
		}
		on, err := keyTarget(ctx, tx, old)
		if err != nil {
			return err
		}
		if err := s.authorize(ctx, c, keyBlock, on); err != nil {
			return err
		}
		if blocked {
			if err := endGrace(ctx, tx, old); err != nil {
				return err
			}
		}
		changed := *old
		k = &changed
		k.Blocked, k.UpdatedAt, k.UpdatedBy = blocked, s.now(), c.UserID
		value := "false"
		if blocked {
			value = "true"
		}
		k.Fields = storedFields(old.Fields).With("blocked", []byte(value)).Stored()
		return tx.Update(ctx, k)
	})
	if err != nil {
		return nil, err
	}
	rows, err := s.keyRows(ctx, k)
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

type keyDeletion struct {
	Body
	Keys    Opt[[]string] `json:"keys" doc:"Keys or their hashes"`
	Aliases Opt[[]string] `json:"key_aliases"`
}

type keysDeleted struct {
	DeletedKeys Opt[[]string] `json:"deleted_keys"`
}

func (s *server) deleteKeys(ctx context.Context, c *Caller, in *keyDeletion) (any, error) {
	idents := slices.Concat(in.Keys.Or(nil), in.Aliases.Or(nil))
	if len(idents) == 0 {
		var d decoding
		d.fail("missing", location{"body", "keys"}, "Send keys or key_aliases")
		return nil, d.err()
	}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		doomed := map[policy.KeyHash]*policy.Key{}
		var order []policy.KeyHash
		var missing []string
		for i, ident := range idents {
			var k *policy.Key
			var err error
			if i < len(in.Keys.Value) {
				k, err = loadKey(ctx, tx, "keys", ident)
			} else {
				k, err = s.keyByAlias(ctx, tx, ident)
			}
			if e := (*Error)(nil); asNotFound(err, &e) {
				missing = append(missing, shownKey(ident))
				continue
			}
			if err != nil {
				return err
			}
			if doomed[k.Hash] == nil {
				order = append(order, k.Hash)
			}
			doomed[k.Hash] = k
		}
		if len(missing) == len(idents) {
			return s.unknownKey(c, notFound("keys", "No keys found: %s", joined(missing)))
		}
		for _, h := range order {
			on, err := keyTarget(ctx, tx, doomed[h])
			if err != nil {
				return err
			}
			if err := s.authorize(ctx, c, keyDelete, on); err != nil {
				return err
			}
		}
		if len(missing) > 0 {
			return badRequest("keys", "Not all keys were found, and none was deleted. Not found: %s", joined(missing))
		}
		for _, h := range order {
			if err := endGrace(ctx, tx, doomed[h]); err != nil {
				return err
			}
			// One in its grace period may have gone with the key that replaced it.
			if err := tx.Delete(ctx, doomed[h].Ref()); err != nil && !errors.Is(err, policy.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return Object{{"deleted_keys", idents}}, nil
}
