package adminsvc

import (
	"context"
	"errors"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

type userNew struct {
	Body
	UserID          Opt[string]       `json:"user_id" doc:"Absent: a new one"`
	AutoCreateKey   Opt[bool]         `json:"auto_create_key" doc:"Default true: the reply holds the user's first key"`
	SendInviteEmail Opt[bool]         `json:"send_invite_email"`
	Teams           Opt[userTeams]    `json:"teams" doc:"Team ids, or objects with team_id, user_role and max_budget_in_team"`
	Organizations   Opt[[]string]     `json:"organizations" doc:"The user becomes an internal_user of each"`
	Password        Opt[string]       `json:"password" doc:"To sign in with; proxy admins only. Better: /invitation/new"`
	Spend           Opt[policy.Money] `json:"spend" doc:"Only 0: a new user has spent nothing"`
	userFields

	// Of the key that is made along.
	KeyAlias    Opt[string]            `json:"key_alias" doc:"Of the first key"`
	Duration    Opt[string]            `json:"duration" doc:"How long the first key lives"`
	Aliases     Opt[map[string]string] `json:"aliases" doc:"Of the first key"`
	Permissions Opt[Fields]            `json:"permissions" doc:"Of the first key; proxy admins only"`
	TeamID      Opt[string]            `json:"team_id" doc:"Of the first key; the user becomes a member"`
}

// ofFirstKey are the fields that go to the key that is made along; notKept those
// that are obeyed and not kept.
var (
	ofFirstKey  = []string{"key_alias", "duration", "aliases", "permissions", "team_id"}
	userNotKept = []string{"user_id", "auto_create_key", "send_invite_email", "teams", "organizations", "password", "spend"}
)

// userMade is the user, and the key that was made along.
type userMade struct {
	Key     Opt[string] `json:"key" doc:"Shown this once; empty where none was made"`
	KeyName Opt[string] `json:"key_name"`
	Token   Opt[string] `json:"token"`
	TokenID Opt[string] `json:"token_id"`
	Expires Opt[string] `json:"expires"`
	userRow
	KeyAlias    Opt[string]            `json:"key_alias"`
	Duration    Opt[string]            `json:"duration"`
	Aliases     Opt[map[string]string] `json:"aliases" default:"{}"`
	Config      Opt[Unenforced]        `json:"config" default:"{}"`
	Permissions Opt[Fields]            `json:"permissions" default:"{}"`
	TeamID      Opt[string]            `json:"team_id"`
}

func (s *server) newUser(ctx context.Context, c *Caller, in *userNew) (any, error) {
	sent, full, err := s.userDefaults(ctx, withTeam(blankIDs(in.Sent, userIDs...), in))
	if err != nil {
		return nil, err
	}
	if amount, ok := full.Spend.Get(); ok && amount != 0 {
		return nil, badRequest("spend", "A new user has spent nothing")
	}
	password := ""
	if p := full.Password.Or(""); p != "" {
		if err := s.authorize(ctx, c, passwordSet, target{}); err != nil {
			return nil, err
		}
		if password, err = newPassword(ctx, "password", p); err != nil {
			return nil, err
		}
	}
	u := &policy.User{ID: full.UserID.Or("")}
	if u.ID == "" {
		u.ID = s.NewID()
	}
	if err := validID("user_id", u.ID); err != nil {
		return nil, err
	}
	if err := compileUser(u, &full.userFields); err != nil {
		return nil, err
	}
	now := s.now()
	u.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: sent.Without(userNotKept...).Without(ofFirstKey...).Stored()}
	var k *policy.Key
	var plain string
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		k, plain = nil, ""
		if err := s.admitUser(ctx, tx, c, u, full); err != nil {
			return err
		}
		if err := tx.Create(ctx, u); err != nil {
			if errors.Is(err, policy.ErrConflict) {
				return userExists("user_id", "User with id %s already exists. Please use a different user_id.", clip(u.ID))
			}
			return err
		}
		if password != "" {
			if err := tx.Keep(ctx, policy.NewPassword{UserID: u.ID, Hash: password, At: now}); err != nil {
				return err
			}
		}
		maker := *c
		maker.Role = policy.RoleAdmin // whoever may make the user may make its first key
		placer := c
		if !in.Teams.Sent && !in.TeamID.Sent {
			placer = &maker // the configuration's teams are not the caller's to choose
		}
		if err := s.placeUser(ctx, tx, placer, u, full); err != nil {
			return err
		}
		if !full.AutoCreateKey.Or(true) {
			return nil
		}
		key := only(sent, ofFirstKey).With("user_id", quote(u.ID))
		if orgs := full.Organizations.Or(nil); len(orgs) > 0 && full.TeamID.Or("") == "" {
			key = key.With("organization_id", quote(orgs[0]))
		}
		k, plain, err = s.createKey(ctx, tx, &maker, key, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	rows, err := s.userRows(ctx, u)
	if err != nil {
		return nil, err
	}
	set := Object{{"key", plain}}
	if k != nil {
		set = Object{{"key", plain}, {"key_name", k.Name}, {"token", k.Hash.String()}, {"token_id", k.Hash.String()}, {"expires", when(k.Expires)}}
	}
	return render[userMade](only(sent, ofFirstKey), append(set, rows[0]...)), nil
}

// withTeam adds the first key's team to those that the user joins.
func withTeam(sent Fields, in *userNew) Fields {
	id := in.TeamID.Or("")
	if id == "" {
		return sent
	}
	list, _ := sent.Get("teams")
	if list.Kind() != '[' || string(list) == "[]" {
		return sent.With("teams", textList([]string{id}))
	}
	return sent.With("teams", slices.Concat(jsontext.Value("["), quote(id), jsontext.Value(","), list[1:]))
}

// userDefaults fills in what the configuration gives new users and what was not sent.
func (s *server) userDefaults(ctx context.Context, sent Fields) (Fields, *userNew, error) {
	defaults, _, err := s.defaultsOfUsers(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range defaults {
		if !has(sent, f.Name) && f.Value.Kind() != 'n' && contains(defaultable, f.Name) {
			sent = append(sent[:len(sent):len(sent)], f)
		}
	}
	in, err := decodeStored[userNew](sent)
	if err != nil {
		return nil, nil, err
	}
	role := in.UserRole.Or("")
	if plain := role == "" || role == policy.RoleUser || role == policy.RoleUserViewer; plain && s.UserBudget != nil && !in.MaxBudget.Sent {
		sent = sent.With("max_budget", jsontext.Value(s.UserBudget.String()))
		if s.UserBudgetDuration != "" && !in.BudgetDuration.Sent {
			sent = sent.With("budget_duration", quote(s.UserBudgetDuration))
		}
		in, err = decodeStored[userNew](sent)
	}
	return sent, in, err
}

// defaultable are the names default_internal_user_params may set.
var defaultable = append([]string{"user_role", "models", "teams"}, limitNames...)

// admitUser checks who makes a user, and that nobody grants more than they hold.
func (s *server) admitUser(ctx context.Context, tx policy.Tx, c *Caller, u *policy.User, in *userNew) error {
	orgs := in.Organizations.Or(nil)
	if len(orgs) == 0 {
		orgs = []string{""}
	}
	names, err := s.names(ctx, tx)
	if err != nil {
		return err
	}
	for _, id := range orgs {
		if err := s.authorize(ctx, c, userCreate, target{OrganizationID: id}); err != nil {
			return err
		}
		o, err := find[*policy.Organization](ctx, tx, policy.EntityOrganization, id)
		if err != nil {
			return err
		}
		if o == nil && id != "" {
			return badRequest("organizations", "Organization not found: %s", clip(id))
		}
		if c.Admin() {
			continue
		}
		if field := s.rulesBeyond(names, &u.Rules, &o.Rules, u.Record, o.Record); field != "" {
			return forbidden(field, "%s: the user would be allowed more than organization %s is", field, o.ID)
		}
	}
	if !c.Admin() {
		if u.Role != "" && u.Role != policy.RoleUser && u.Role != policy.RoleUserViewer {
			return forbidden("user_role", "Only proxy admins may make a %s", u.Role)
		}
		if len(in.Permissions.Or(nil)) > 0 {
			return forbidden("permissions", "Only proxy admins may set permissions")
		}
		if c.Key != nil {
			if field := s.rulesBeyond(names, &u.Rules, &c.Key.Rules, u.Record, c.Key.Record); field != "" {
				return forbidden(field, "%s goes beyond what the key you call with is allowed", field)
			}
		}
		// An id that keys or teams know already is somebody's: limits would be put on them.
		for _, q := range []policy.Query{
			{Kind: policy.EntityKey, Limit: 1, Where: []policy.Condition{{Field: "user_id", Op: policy.Is, Value: u.ID}}},
			{Kind: policy.EntityTeam, Limit: 1, Where: []policy.Condition{{Field: "member", Op: policy.Is, Value: u.ID}}},
		} {
			if page, err := tx.List(ctx, q); err != nil || page.Total > 0 {
				return cmpErr(err, userExists("user_id", "User with id %s already exists. Please use a different user_id.", clip(u.ID)))
			}
		}
	}
	if master := s.Settings().MasterUserID; master != "" && u.ID == master {
		return userExists("user_id", "User with id %s already exists: it is the master key's own", u.ID)
	}
	return s.checkUser(ctx, tx, u)
}

// cmpErr is the first error there is.
func cmpErr(err error, other *Error) error {
	if err != nil {
		return err
	}
	return other
}

// placeUser makes a new user a member of its organizations and teams.
func (s *server) placeUser(ctx context.Context, tx policy.Tx, c *Caller, u *policy.User, in *userNew) error {
	now := s.now()
	for _, id := range union(nil, in.Organizations.Or(nil)) {
		m := &policy.OrganizationMember{OrganizationID: id, UserID: u.ID, Role: policy.RoleUser}
		m.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID, Fields: []byte("{}")}
		if err := tx.Create(ctx, m); err != nil {
			return err
		}
	}
	for _, place := range in.Teams.Or(nil) {
		old, err := s.teamFor(ctx, tx, c, place.id, teamSetMembers)
		if err != nil {
			return err
		}
		t := *old
		m := policy.Member{UserID: u.ID, Email: u.Email, Role: place.role}
		if !isTeamUser(&t, u.ID) {
			t.Members = append(t.Members[:len(t.Members):len(t.Members)], m)
			t.UpdatedAt, t.UpdatedBy = now, c.UserID
			if err := tx.Update(ctx, &t); err != nil {
				return err
			}
		}
		if err := s.writeMembership(ctx, tx, c, &t, m, place.limits); err != nil {
			return err
		}
	}
	return nil
}

// userTeam is a team that a new user joins.
type userTeam struct {
	id, role string
	limits   Fields // max_budget_in_team, as it was sent
}

// userTeams is ["id"] or [{"team_id":…,"max_budget_in_team":…,"user_role":"user"|"admin"}].
type userTeams []userTeam

func (u *userTeams) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	*u = nil
	d.items(at, v, func(at location, v jsontext.Value) {
		if v.Kind() == '"' {
			*u = append(*u, userTeam{id: unquote(v), role: "user"})
			return
		}
		var entry struct {
			TeamID Opt[string]       `json:"team_id" required:"true"`
			Max    Opt[policy.Money] `json:"max_budget_in_team"`
			Role   Opt[string]       `json:"user_role" enum:"user,admin"`
		}
		d.object(at, v, &entry)
		place := userTeam{id: entry.TeamID.Value, role: entry.Role.Or("user")}
		if amount, ok := entry.Max.Get(); ok {
			place.limits = Fields{{"max_budget_in_team", jsontext.Value(amount.String())}}
		}
		*u = append(*u, place)
	})
	return nil
}

func (*userTeams) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{AnyOf: []*huma.Schema{
		schemaOf(huma.TypeString, ""),
		{Type: huma.TypeObject, Required: []string{"team_id"}, Properties: map[string]*huma.Schema{"team_id": schemaOf(huma.TypeString, ""),
			"max_budget_in_team": {Type: huma.TypeNumber, Nullable: true}, "user_role": {Type: huma.TypeString, Enum: []any{"user", "admin"}}}},
	}}}
}
