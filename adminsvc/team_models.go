package adminsvc

import (
	"context"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
)

type teamModelsChange struct {
	Body
	TeamID Opt[string]   `json:"team_id" required:"true"`
	Models Opt[[]string] `json:"models" required:"true"`
}

func (s *server) addTeamModels(ctx context.Context, c *Caller, in *teamModelsChange) (any, error) {
	return s.setTeamModels(ctx, c, in, func(have, named []string) []string {
		if len(have) == 0 {
			return named // the empty list is all models: it now is these
		}
		return union(have, named)
	})
}

func (s *server) removeTeamModels(ctx context.Context, c *Caller, in *teamModelsChange) (any, error) {
	return s.setTeamModels(ctx, c, in, func(have, named []string) []string {
		left := slices.DeleteFunc(slices.Clone(have), func(m string) bool { return slices.Contains(named, m) })
		if len(left) == 0 && len(have) > 0 {
			return []string{policy.NoDefaultModels} // not the empty list, which is all models
		}
		return left
	})
}

func (s *server) setTeamModels(ctx context.Context, c *Caller, in *teamModelsChange, f func(have, named []string) []string) (any, error) {
	return s.writeTeam(ctx, c, in.TeamID.Value, teamSetModels, func(tx policy.Tx, old *policy.Team) (*policy.Team, error) {
		t := *old
		t.Models = f(old.Models, in.Models.Value)
		fields := storedFields(old.Fields).With("models", textList(t.Models))
		t.Fields = fields.Stored()
		if err := s.onlyNarrowerTeam(ctx, tx, c, old, &t); err != nil {
			return nil, err
		}
		full, err := decodeStored[teamFields](fields)
		if err != nil {
			return nil, err
		}
		return &t, s.checkTeam(ctx, tx, &t, full)
	})
}

// textList is a list of texts as JSON.
func textList(list []string) []byte {
	quoted := make([]string, len(list))
	for i, v := range list {
		quoted[i] = string(quote(v))
	}
	return []byte("[" + strings.Join(quoted, ",") + "]")
}
