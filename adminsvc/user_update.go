package adminsvc

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

type userUpdate struct {
	Body
	UserID   Opt[string]       `json:"user_id" doc:"user_email finds the user where this is absent"`
	Password Opt[string]       `json:"password" doc:"A new one; proxy admins only. The user's sessions end"`
	Spend    Opt[policy.Money] `json:"spend" doc:"What the spend of the current window becomes; proxy admins only"`
	userFields
}

// userUpdated is the row, and the row again where LiteLLM has it.
type userUpdated struct {
	userRow
	Data Opt[Fields] `json:"data"`
}

// ownUserFields are those a user may change of themselves.
var ownUserFields = []string{"user_id", "user_email", "user_alias", "metadata"}

func (s *server) updateUser(ctx context.Context, c *Caller, in *userUpdate) (any, error) {
	row, err := s.changeUser(ctx, c, in)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(row), Member{"data", row}), nil
}

// changeUser merges what was sent into a user and answers with its row.
func (s *server) changeUser(ctx context.Context, c *Caller, in *userUpdate) (Object, error) {
	password := ""
	if p := in.Password.Or(""); p != "" {
		err := s.authorize(ctx, c, passwordSet, target{})
		if err == nil {
			password, err = newPassword(ctx, "password", p)
		}
		if err != nil {
			return nil, err
		}
	}
	if spend, ok := in.Spend.Get(); ok && spend < 0 {
		return nil, badRequest("spend", "spend must not be negative")
	}
	if in.UserID.Or("") == "" && in.UserEmail.Or("") == "" {
		var d decoding
		d.fail("missing", location{"body", "user_id"}, "Field required")
		return nil, d.err()
	}
	var u *policy.User
	change := func(tx policy.Tx) error {
		old, err := s.userFor(ctx, tx, c, in.UserID.Or(""), in.UserEmail.Or(""), userChange)
		if err != nil {
			return err
		}
		sent := in.Sent.Without(userNotKept...)
		fields := storedFields(old.Fields).Merge(sent)
		full, err := decodeStored[userFields](fields)
		if err != nil {
			return err
		}
		changed := *old
		u = &changed
		if err := compileUser(u, full); err != nil {
			return err
		}
		if !c.Admin() {
			if err := s.onlyOwnFields(ctx, tx, in.Sent, old, u); err != nil {
				return err
			}
		}
		if err := s.checkUser(ctx, tx, u); err != nil {
			return err
		}
		u.UpdatedAt, u.UpdatedBy, u.Fields = s.now(), c.UserID, fields.Stored()
		if password != "" {
			if err := tx.Keep(ctx, policy.NewPassword{UserID: u.ID, Hash: password, At: u.UpdatedAt}); err != nil {
				return err
			}
		}
		return tx.Update(ctx, u)
	}
	if spend, ok := in.Spend.Get(); ok {
		if err := s.writeWithSpend(ctx, c, spend, change, func() spender { return userSpender(u) }); err != nil {
			return nil, err
		}
	} else if err := s.Store.Write(ctx, c.Actor, change); err != nil {
		return nil, err
	}
	rows, err := s.userRows(ctx, u)
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

// onlyOwnFields holds users to what they may change of themselves. An email is
// not among it: teams may know their members by it. Metadata can hold limits,
// which they may lower only.
func (s *server) onlyOwnFields(ctx context.Context, r policy.Reader, sent Fields, old, u *policy.User) error {
	for _, f := range sent {
		if !slices.Contains(ownUserFields, f.Name) || f.Name == "user_email" && u.Email != old.Email {
			return forbidden(f.Name, "Only proxy admins may change %s", f.Name)
		}
	}
	names, err := s.names(ctx, r)
	if err != nil {
		return err
	}
	if field := s.rulesBeyond(names, &u.Rules, &old.Rules, u.Record, old.Record); field != "" {
		return forbidden(field, "Only proxy admins may raise %s", field)
	}
	return nil
}

// userFor reads a user for an action. Who may not see all hears the same of
// users that are not there and not theirs.
func (s *server) userFor(ctx context.Context, r policy.Reader, c *Caller, id, email string, a action) (*policy.User, error) {
	u, err := loadUser(ctx, r, id, email)
	if e := (*Error)(nil); err != nil && !asNotFound(err, &e) {
		return nil, err
	}
	on := target{UserID: id}
	if u != nil {
		on.UserID = u.ID
	}
	denied := s.authorize(ctx, c, a, on)
	if denied == nil {
		return u, err
	}
	if u == nil || asError(denied).Status >= http.StatusInternalServerError {
		return nil, denied
	}
	// An org_admin acts on the users of the organizations they administer.
	members, _, listErr := policy.List[*policy.OrganizationMember](ctx, r, policy.Query{Kind: policy.EntityOrganizationMember,
		Where: []policy.Condition{{Field: "user_id", Op: policy.Is, Value: u.ID}}})
	if listErr != nil {
		return nil, listErr
	}
	inAll := len(members) > 0
	for _, m := range members {
		err := s.authorize(ctx, c, a, target{UserID: u.ID, OrganizationID: m.OrganizationID})
		if err == nil && rules[a].reads {
			return u, nil // one of their organizations is enough to see a user
		}
		inAll = inAll && err == nil
	}
	if inAll && u.Role != policy.RoleAdmin && u.Role != policy.RoleAdminViewer {
		return u, nil
	}
	return nil, denied
}

type usersUpdate struct {
	Body
	Users    Opt[fieldsList] `json:"users" doc:"Up to 500 bodies of /user/update"`
	AllUsers Opt[bool]       `json:"all_users" doc:"Change every user, with user_updates"`
	Updates  Opt[Fields]     `json:"user_updates"`
}

type usersUpdated struct {
	Results    Opt[rows]  `json:"results"`
	Total      Opt[int64] `json:"total_requested"`
	Successful Opt[int64] `json:"successful_updates"`
	Failed     Opt[int64] `json:"failed_updates"`
}

// fieldsList is a list of objects, each looked into on its own later.
type fieldsList []Fields

func (l *fieldsList) parse(d *decoding, at location, v jsontext.Value) jsontext.Value {
	*l = nil
	d.items(at, v, func(at location, v jsontext.Value) {
		var o objectValue
		o.parse(d, at, v)
		*l = append(*l, Fields(o))
	})
	return nil
}

func (*fieldsList) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}
}

// decodeSent reads an object within a body as a request of its own.
func decodeSent[In any](sent Fields) (*In, error) {
	in := new(In)
	var d decoding
	if err := planOf(reflect.TypeFor[In]()).decodeFields(&d, sent, reflect.ValueOf(in).Elem()); err != nil {
		return in, err
	}
	return in, d.err()
}

// explained is an error in one line, the field at fault first.
func explained(err error) string {
	e := asError(err)
	problems, _ := e.Detail.([]any)
	if len(problems) > 0 {
		if p, ok := problems[0].(Object); ok {
			at, _ := p.Get("loc").([]any)
			return fmt.Sprintf("%s: %v", location(at).field(), p.Get("msg"))
		}
	}
	if e.Param != "" && !strings.Contains(e.Message, e.Param) {
		return e.Param + ": " + e.Message
	}
	return e.Message
}

// bulkUpdateUsers changes each user in a write of its own: one that cannot be changed stops no other.
func (s *server) bulkUpdateUsers(ctx context.Context, c *Caller, in *usersUpdate) (any, error) {
	if err := s.authorize(ctx, c, userBulk, target{}); err != nil {
		return nil, err
	}
	list := in.Users.Or(nil)
	if in.AllUsers.Or(false) {
		updates, ok := in.Updates.Get()
		if !ok || len(list) > 0 {
			return nil, badRequest("user_updates", "all_users goes with user_updates, and without users")
		}
		all, total, err := policy.List[*policy.User](ctx, s.Store, policy.Query{Kind: policy.EntityUser, Limit: mostInBulk})
		if err != nil {
			return nil, err
		}
		if total > mostInBulk {
			return nil, badRequest("all_users", "There are %d users: at most %d can be changed at once", total, mostInBulk)
		}
		for _, u := range all {
			list = append(list, updates.Without("user_id", "user_email").With("user_id", quote(u.ID)))
		}
	}
	if len(list) == 0 {
		return nil, badRequest("users", "users names nobody")
	}
	if len(list) > mostInBulk {
		return nil, badRequest("users", "At most %d users at once", mostInBulk)
	}
	results, changed := []Object{}, 0
	for _, fields := range list {
		var row Object
		one, err := decodeSent[userUpdate](fields)
		if err == nil {
			row, err = s.changeUser(ctx, c, one)
		}
		id, email := one.UserID.Or(""), one.UserEmail.Or("")
		result := Object{{"user_id", orNull(id)}, {"user_email", orNull(email)}, {"success", err == nil}, {"error", nil}, {"updated_user", nil}}
		if err != nil {
			if asError(err).Status >= http.StatusInternalServerError {
				return nil, err
			}
			result.Set("error", explained(err))
		} else {
			changed++
			result.Set("updated_user", row)
		}
		results = append(results, result)
	}
	return Object{{"results", results}, {"total_requested", len(list)}, {"successful_updates", changed}, {"failed_updates", len(list) - changed}}, nil
}
