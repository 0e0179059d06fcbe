package policy

// Bind adds what a deployment's provider allows it (rpm and tpm of its entry) to the
// holds of a decision, so that one reservation is good for both: whose call it is, and
// who serves it. It is for one deployment: to try another, decide anew.
func (d *Decision) Bind(by *Deployment, r Request, s *Settings) {
	e := Estimate{Input: d.Input, Choices: max(r.Choices, 1), Price: d.Price, Flat: r.Flat}
	for _, allowed := range [...]struct {
		kind  Kind
		limit *int64
	}{{KindRequests, by.RPM}, {KindTokens, by.TPM}} {
		if allowed.limit == nil || r.Unmetered && allowed.kind != KindRequests && *allowed.limit > 0 {
			continue
		}
		h := Hold{Scope: Scope{ScopeDeployment, by.ID}, Kind: allowed.kind, Window: Minute, Limit: *allowed.limit}
		h.Fixed, h.PerToken = Kinds[allowed.kind].estimate(e)
		if r.NoOutput {
			h.PerToken = 0
		}
		d.Ask.Holds = append(d.Ask.Holds, h)
		if h.PerToken > 0 && h.Limit > 0 && !s.RefuseAtEdge {
			// As for every limit: one too small for a usual answer takes a shorter one.
			d.Ask.Least = min(d.Ask.Least, max((h.Limit-h.Fixed)/h.PerToken, leastAnswer, min(r.Floor, d.Ask.Want)))
			d.Ask.Usual = max(d.Ask.Usual, d.Ask.Least)
		}
	}
}

// FullAt reports whether a refused reservation failed only by what the deployment it
// was bound to is allowed, so that another deployment may do.
func (a *Ask) FullAt(out Outcome) bool {
	for _, i := range out.Failed {
		if a.Holds[i].Scope.Kind != ScopeDeployment {
			return false
		}
	}
	return !out.Granted && len(out.Failed) > 0
}
