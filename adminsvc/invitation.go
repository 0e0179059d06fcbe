package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/purser/purser/policy"
)

// invitationLife is how long an invitation may be taken up.
const invitationLife = 7 * 24 * time.Hour

type invitationRow struct {
	ID         Opt[string]    `json:"id" doc:"The invitation's secret: /ui/?invitation_id=…"`
	UserID     Opt[string]    `json:"user_id"`
	IsAccepted Opt[bool]      `json:"is_accepted"`
	AcceptedAt Opt[time.Time] `json:"accepted_at"`
	ExpiresAt  Opt[time.Time] `json:"expires_at"`
	CreatedAt  Opt[time.Time] `json:"created_at"`
	CreatedBy  Opt[string]    `json:"created_by"`
	UpdatedAt  Opt[time.Time] `json:"updated_at"`
	UpdatedBy  Opt[string]    `json:"updated_by"`
}

// invitations: links by which users set their first password, or a forgotten one.
func invitations(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "sign-in", Summary: summary, Reply: reply}
	}
	route(s, creating(op(http.MethodPost, "/invitation/new", "Invite a user to set a password, within seven days", invitationRow{})), s.newInvitation)
	route(s, op(http.MethodGet, "/invitation/info", "An invitation", invitationRow{}), s.invitationInfo)
	route(s, op(http.MethodPost, "/invitation/update", "Mark an invitation as accepted, so that it lets nobody in", invitationRow{}), s.updateInvitation)
	route(s, op(http.MethodPost, "/invitation/delete", "Take an invitation back", invitationRow{}), s.deleteInvitation)
	get := op(http.MethodGet, "/onboarding/get_token", "Whom an invitation is for", invited{})
	get.Public = true
	route(s, get, s.invitedAs)
	claim := op(http.MethodPost, "/onboarding/claim_token", "Take up an invitation: set the password, and be signed in", loginReply{})
	claim.Public = true
	route(s, claim, s.claimInvitation)
}

type invitationNew struct {
	Body
	UserID Opt[string] `json:"user_id" required:"true"`
}

type invitationQuery struct {
	ID Opt[string] `query:"invitation_id" required:"true"`
}

type invitationUpdate struct {
	Body
	ID       Opt[string] `json:"invitation_id" required:"true"`
	Accepted Opt[bool]   `json:"is_accepted" required:"true" doc:"Only true: an invitation that was used, or closed, stays so"`
}

type invitationDeletion struct {
	Body
	ID Opt[string] `json:"invitation_id" required:"true"`
}

// invitee reads a user that the caller may invite. A password is the whole of what
// a user may do, so whoever is no proxy admin must hold all of that themselves.
func (s *server) invitee(ctx context.Context, tx policy.Tx, c *Caller, id string) (*policy.User, error) {
	u, err := s.userFor(ctx, tx, c, id, "", userInvite)
	if err != nil {
		return nil, err
	}
	return u, s.mayDeleteAll(ctx, tx, c, u)
}

func (s *server) newInvitation(ctx context.Context, c *Caller, in *invitationNew) (any, error) {
	if s.SignIn == nil {
		return nil, errNoSignIn
	}
	id, now := newUUID(), s.now() // never the injected ids: this one must not be guessed
	i := policy.Invitation{ID: policy.HashKey(id), ExpiresAt: now.Add(invitationLife), CreatedAt: now, CreatedBy: c.UserID, UpdatedAt: now, UpdatedBy: c.UserID}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		u, err := s.invitee(ctx, tx, c, in.UserID.Value)
		if err != nil {
			return err
		}
		i.UserID = u.ID
		return tx.Keep(ctx, policy.NewInvitation{Invitation: i})
	})
	if err != nil {
		return nil, err
	}
	return invitationReply(id, i), nil
}

var errNoSignIn = &Error{Status: http.StatusBadRequest, Type: "no_db_connection", Message: "Nobody can sign in here: there is no database to keep sessions in"}

func invitationReply(id string, i policy.Invitation) Object {
	return render[invitationRow](nil, Object{{"id", id}, {"user_id", i.UserID}, {"is_accepted", !i.AcceptedAt.IsZero()}, {"accepted_at", when(i.AcceptedAt)},
		{"expires_at", when(i.ExpiresAt)}, {"created_at", when(i.CreatedAt)}, {"created_by", orNull(i.CreatedBy)}, {"updated_at", when(i.UpdatedAt)}, {"updated_by", orNull(i.UpdatedBy)}})
}

// invitation reads one by its secret id.
func (s *server) invitation(ctx context.Context, param, id string) (policy.Invitation, error) {
	if s.SignIn == nil {
		return policy.Invitation{}, errNoSignIn
	}
	i, err := s.SignIn.Invitation(ctx, policy.HashKey(id))
	if errors.Is(err, policy.ErrNotFound) {
		return i, notFound(param, "There is no such invitation")
	}
	return i, err
}

func (s *server) invitationInfo(ctx context.Context, c *Caller, in *invitationQuery) (any, error) {
	i, err := s.invitation(ctx, "invitation_id", in.ID.Value)
	if err != nil {
		return nil, err
	}
	if _, err := s.userFor(ctx, s.Store, c, i.UserID, "", userInviteRead); err != nil {
		return nil, err
	}
	return invitationReply(in.ID.Value, i), nil
}

func (s *server) updateInvitation(ctx context.Context, c *Caller, in *invitationUpdate) (any, error) {
	if !in.Accepted.Value {
		return nil, badRequest("is_accepted", "An invitation cannot be opened again: make a new one")
	}
	i, err := s.invitation(ctx, "invitation_id", in.ID.Value)
	if err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if _, err := s.invitee(ctx, tx, c, i.UserID); err != nil {
			return err
		}
		if i.AcceptedAt.IsZero() {
			i.AcceptedAt, i.UpdatedAt, i.UpdatedBy = s.now(), s.now(), c.UserID
		}
		return tx.Keep(ctx, policy.NewInvitation{Invitation: i})
	})
	if err != nil {
		return nil, err
	}
	return invitationReply(in.ID.Value, i), nil
}

func (s *server) deleteInvitation(ctx context.Context, c *Caller, in *invitationDeletion) (any, error) {
	i, err := s.invitation(ctx, "invitation_id", in.ID.Value)
	if err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		if _, err := s.invitee(ctx, tx, c, i.UserID); err != nil {
			return err
		}
		return tx.Keep(ctx, policy.EndInvitation{ID: i.ID})
	})
	if err != nil {
		return nil, err
	}
	return invitationReply(in.ID.Value, i), nil
}

type invitedQuery struct {
	Link Opt[string] `query:"invite_link" required:"true" doc:"The invitation's id"`
}

type invited struct {
	UserID    Opt[string]    `json:"user_id"`
	UserEmail Opt[string]    `json:"user_email"`
	ExpiresAt Opt[time.Time] `json:"expires_at"`
}

// open reads an invitation that can still be taken up.
func (s *server) open(ctx context.Context, param, id string) (policy.Invitation, error) {
	now := s.now()
	if wait := s.addresses.take(s.clientIP(requestOf(ctx)), now); wait > 0 {
		return policy.Invitation{}, s.mayGuess(ctx, "", s.clientIP(requestOf(ctx)), now)
	}
	i, err := s.invitation(ctx, param, id)
	if err != nil {
		return i, err
	}
	s.addresses.give(s.clientIP(requestOf(ctx)), now)
	switch {
	case !i.AcceptedAt.IsZero():
		return i, unauthorized("auth_error", "This invitation was used already. Sign in, or ask for a new one")
	case !now.Before(i.ExpiresAt):
		return i, unauthorized("auth_error", "This invitation is over. Ask for a new one")
	}
	return i, nil
}

func (s *server) invitedAs(ctx context.Context, _ *Caller, in *invitedQuery) (any, error) {
	i, err := s.open(ctx, "invite_link", in.Link.Value)
	if err != nil {
		return nil, err
	}
	u, err := find[*policy.User](ctx, s.Store, policy.EntityUser, i.UserID)
	if err != nil {
		return nil, err
	}
	out := Object{{"user_id", i.UserID}, {"expires_at", when(i.ExpiresAt)}}
	if u != nil {
		out.Set("user_email", orNull(u.Email))
	}
	return render[invited](nil, out), nil
}

type claim struct {
	Body
	Link     Opt[string] `json:"invitation_link" required:"true" doc:"The invitation's id"`
	UserID   Opt[string] `json:"user_id" doc:"If sent, it must be the invited user's"`
	Password Opt[string] `json:"password" required:"true"`
}

func (s *server) claimInvitation(ctx context.Context, _ *Caller, in *claim) (any, error) {
	if err := sameOrigin(requestOf(ctx)); err != nil {
		return nil, err
	}
	i, err := s.open(ctx, "invitation_link", in.Link.Value)
	if err != nil {
		return nil, err
	}
	if id := in.UserID.Or(""); id != "" && id != i.UserID {
		return nil, badRequest("user_id", "This invitation is for another user")
	}
	u, err := find[*policy.User](ctx, s.Store, policy.EntityUser, i.UserID)
	if err != nil {
		return nil, err
	}
	if u == nil || u.Blocked {
		return nil, unauthorized("auth_error", "Authentication Error, User=%s is blocked", i.UserID)
	}
	hash, err := newPassword(ctx, "password", in.Password.Value)
	if err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, policy.Actor{UserID: u.ID}, func(tx policy.Tx) error {
		return tx.Keep(ctx, policy.AcceptInvitation{ID: i.ID, Password: hash, At: s.now()})
	})
	if errors.Is(err, policy.ErrConflict) {
		return nil, unauthorized("auth_error", "This invitation was used already. Sign in, or ask for a new one")
	}
	if err != nil {
		return nil, err
	}
	session, header, err := s.begin(ctx, policy.Session{UserID: u.ID, Role: u.Role, Method: policy.SignInInvitation}, hash)
	if err != nil {
		return nil, err
	}
	return &answered{header: header, body: s.signedIn(session)}, nil
}
