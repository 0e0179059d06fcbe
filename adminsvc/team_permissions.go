package adminsvc

import (
	"context"
	"slices"

	"github.com/purser/purser/policy"
)

// permissions are what a team may let its plain members do.
var permissions = []string{
	"/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/service-account/generate", "/key/{key_id}/regenerate", "/key/block",
	"/key/unblock", "/key/bulk_update", "/team/key/bulk_update", "/key/{key_id}/reset_spend", "/key/access_group_assignment", "/auto_router/manage",
	"/key/info", "/key/health", "/key/list", "/key/aliases", "/team/daily/activity", "/team/daily/activity/aggregated", "/spend/logs", "/spend/logs/v2",
}

func knownPermissions(list []string) error {
	for _, p := range list {
		if !slices.Contains(permissions, p) {
			return badRequest("team_member_permissions", "Unknown permission %q", clip(p))
		}
	}
	return nil
}

type teamPermissionsQuery struct {
	TeamID Opt[string] `query:"team_id" required:"true"`
}

type teamPermissionsRow struct {
	TeamID      Opt[string]   `json:"team_id"`
	Permissions Opt[[]string] `json:"team_member_permissions"`
	Available   Opt[[]string] `json:"all_available_permissions"`
}

func (s *server) teamPermissions(ctx context.Context, c *Caller, in *teamPermissionsQuery) (any, error) {
	t, err := s.teamFor(ctx, s.Store, c, in.TeamID.Value, teamRead)
	if err != nil {
		return nil, err
	}
	return Object{{"team_id", t.ID}, {"team_member_permissions", memberPermissions(t)}, {"all_available_permissions", permissions}}, nil
}

type teamPermissionsUpdate struct {
	Body
	TeamID      Opt[string]   `json:"team_id" required:"true"`
	Permissions Opt[[]string] `json:"team_member_permissions" required:"true"`
}

func (s *server) setTeamPermissions(ctx context.Context, c *Caller, in *teamPermissionsUpdate) (any, error) {
	if err := knownPermissions(in.Permissions.Value); err != nil {
		return nil, err
	}
	return s.writeTeam(ctx, c, in.TeamID.Value, teamSetPermissions, func(_ policy.Tx, old *policy.Team) (*policy.Team, error) {
		t := *old
		t.Fields = storedFields(old.Fields).With("team_member_permissions", textList(in.Permissions.Value)).Stored()
		return &t, nil
	})
}
