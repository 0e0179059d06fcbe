package adminsvc

import (
	"context"

	"github.com/purser/purser/policy"
)

// guaranteed is the type of a limit that its parent must always be able to serve.
const guaranteed = "guaranteed_throughput"

// promised is the part of an entity's fields that promises throughput.
type promised struct {
	RPM      Opt[int64]            `json:"rpm_limit"`
	TPM      Opt[int64]            `json:"tpm_limit"`
	ModelRPM Opt[map[string]int64] `json:"model_rpm_limit"`
	ModelTPM Opt[map[string]int64] `json:"model_tpm_limit"`
	RPMType  Opt[string]           `json:"rpm_limit_type"`
	TPMType  Opt[string]           `json:"tpm_limit_type"`
}

// overAllocated names the first limit whose promises together exceed what the
// parent has: sum over the siblings and the one asked for. "" where none does.
func overAllocated(asked promised, siblings []promised, parent *policy.Limits) (field string, sum, limit int64) {
	type side struct {
		name, model string
		typ         func(promised) string
		amount      func(promised) *int64
		limit       *int64
	}
	rpmType := func(p promised) string { return p.RPMType.Or("") }
	tpmType := func(p promised) string { return p.TPMType.Or("") }
	sides := []side{
		{"rpm_limit", "", rpmType, func(p promised) *int64 { return p.RPM.Ptr() }, parent.RPM},
		{"tpm_limit", "", tpmType, func(p promised) *int64 { return p.TPM.Ptr() }, parent.TPM},
	}
	for model, n := range parent.ModelRPM {
		sides = append(sides, side{"model_rpm_limit", model, rpmType, func(p promised) *int64 { return of(p.ModelRPM.Value, model) }, &n})
	}
	for model, n := range parent.ModelTPM {
		sides = append(sides, side{"model_tpm_limit", model, tpmType, func(p promised) *int64 { return of(p.ModelTPM.Value, model) }, &n})
	}
	for _, s := range sides {
		amount := s.amount(asked)
		if s.limit == nil || amount == nil || s.typ(asked) != guaranteed {
			continue
		}
		sum, over := *amount, false
		for _, p := range siblings {
			if n := s.amount(p); n != nil && s.typ(p) == guaranteed {
				over = over || sum+*n < sum // beyond an int64
				sum += *n
			}
		}
		if over || sum > *s.limit {
			return s.name, sum, *s.limit
		}
	}
	return "", 0, 0
}

func of(m map[string]int64, model string) *int64 {
	if n, ok := m[model]; ok {
		return &n
	}
	return nil
}

func promises(f Fields) (promised, bool) {
	p, err := decodeStored[promised](f)
	if err != nil {
		return promised{}, false
	}
	return *p, p.RPMType.Or("") == guaranteed || p.TPMType.Or("") == guaranteed
}

// checkKeyThroughput refuses a guaranteed limit that the key's team or project
// could not keep beside those it guaranteed already.
func (s *server) checkKeyThroughput(ctx context.Context, r policy.Reader, k *policy.Key, f family, in *keyFields) error {
	asked := promised{RPM: in.RPM, TPM: in.TPM, ModelRPM: in.ModelRPM, ModelTPM: in.ModelTPM, RPMType: in.RPMLimitType, TPMType: in.TPMLimitType}
	if asked.RPMType.Or("") != guaranteed && asked.TPMType.Or("") != guaranteed {
		return nil
	}
	for _, parent := range []struct {
		field, id, word string
		limits          *policy.Limits
	}{{"project_id", k.ProjectID, "project", projectLimits(f.project)}, {"team_id", k.TeamID, "team", teamLimits(f.team)}} {
		if parent.limits == nil {
			continue
		}
		keys, _, err := policy.List[*policy.Key](ctx, r, policy.Query{Kind: policy.EntityKey, Where: []policy.Condition{
			{Field: parent.field, Op: policy.Is, Value: parent.id}, {Field: "revoked_at", Op: policy.Is, Value: nil},
		}})
		if err != nil {
			return err
		}
		var siblings []promised
		for _, o := range keys {
			if p, ok := promises(storedFields(o.Fields)); ok && o.Hash != k.Hash {
				siblings = append(siblings, p)
			}
		}
		if field, sum, limit := overAllocated(asked, siblings, parent.limits); field != "" {
			return badRequest(field, "%s is guaranteed, but the guarantees of %s %s would add up to %d of its %d", field, parent.word, parent.id, sum, limit)
		}
	}
	return nil
}

func projectLimits(p *policy.Project) *policy.Limits {
	if p == nil {
		return nil
	}
	return &p.Limits
}

func teamLimits(t *policy.Team) *policy.Limits {
	if t == nil {
		return nil
	}
	return &t.Limits
}
