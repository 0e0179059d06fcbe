package adminsvc

import (
	"context"

	"github.com/purser/purser/policy"
)

// teamSettings are what new teams get that were sent nothing else: kept here, else
// config.yaml's default_team_params.
type teamSettings struct {
	Body
	Models         Opt[[]string]     `json:"models"`
	Budget         Opt[policy.Money] `json:"max_budget"`
	Duration       Opt[string]       `json:"budget_duration"`
	TPM            Opt[int64]        `json:"tpm_limit"`
	RPM            Opt[int64]        `json:"rpm_limit"`
	Permissions    Opt[[]string]     `json:"team_member_permissions" doc:"What plain members may do with the team's keys"`
	OrganizationID Opt[string]       `json:"organization_id"`
}

func (s *server) defaultsOfTeams(ctx context.Context) (Fields, string, error) {
	stored, err := s.stored(ctx, settingTeams)
	if err != nil || stored != nil {
		return stored, "db", err
	}
	return storedFields(s.TeamDefaults), source(nil, len(s.TeamDefaults) > 0), nil
}

func (s *server) readTeamSettings(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, settingsRead, target{}); err != nil {
		return nil, err
	}
	values, from, err := s.defaultsOfTeams(ctx)
	if err != nil {
		return nil, err
	}
	return Object{{"values", render[teamSettings](values, nil)}, {"field_schema", s.schemaOfType("TeamSettings")}, {"source", from}}, nil
}

// changeTeamSettings refuses what no team could be made with: it would be heard of only then.
func (s *server) changeTeamSettings(ctx context.Context, c *Caller, in *teamSettings) (any, error) {
	if err := s.authorize(ctx, c, settingsChange, target{}); err != nil {
		return nil, err
	}
	values, from, err := s.defaultsOfTeams(ctx)
	if err != nil {
		return nil, err
	}
	sent := in.Sent
	if from == "config" {
		sent = values.Merge(sent) // the file's stay in force until they are set here
	}
	full, err := decodeStored[teamFields](values.Merge(sent))
	if err != nil {
		return nil, err
	}
	probe := &policy.Team{ID: "default"}
	if err := compileTeam(probe, full); err != nil {
		return nil, err
	}
	if o, err := find[*policy.Organization](ctx, s.Store, policy.EntityOrganization, probe.OrganizationID); err != nil {
		return nil, err
	} else if o == nil && probe.OrganizationID != "" {
		return nil, badRequest("organization_id", "Organization not found: %s", clip(probe.OrganizationID))
	}
	merged, err := s.mergeSetting(ctx, c, settingTeams, sent)
	if err != nil {
		return nil, err
	}
	return Object{{"message", "The settings were changed"}, {"status", "success"}, {"settings", render[teamSettings](merged, nil)}}, nil
}
