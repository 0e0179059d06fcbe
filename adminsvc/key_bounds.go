package adminsvc

import "github.com/purser/purser/policy"

// keyDefaults fills in what a new key was not sent: the configuration's defaults, and
// where nothing else says how much, the most there may be.
func (s *server) keyDefaults(sent Fields) Fields {
	sent = missing(sent, storedFields(s.KeyDefaults))
	for _, f := range storedFields(s.KeyBounds) {
		if f.Value.Kind() != 'n' && (!sent.Has(f.Name) || f.Name == "duration" && mustText(sent, "duration") == "-1") {
			sent = sent.With(f.Name, f.Value)
		}
	}
	return sent
}

// missing adds the fields of some defaults that were not sent. One sent as null is
// nothing on purpose.
func missing(sent, defaults Fields) Fields {
	for _, f := range defaults {
		if !has(sent, f.Name) && f.Value.Kind() != 'n' {
			sent = append(sent[:len(sent):len(sent)], f)
		}
	}
	return sent
}

func mustText(f Fields, name string) string {
	v, _ := f.Get(name)
	if v.Kind() != '"' {
		return ""
	}
	return unquote(v)
}

// checkKeyBounds refuses what was sent where it goes beyond upperbound_key_generate_params,
// whoever sends it. What a key had before there were bounds stays until it is touched.
func (s *server) checkKeyBounds(sent Fields, limits *policy.Limits, duration Opt[string]) error {
	if len(s.KeyBounds) == 0 {
		return nil
	}
	most, err := decodeStored[keyFields](storedFields(s.KeyBounds))
	if err != nil {
		return err // the configuration was checked when it was read
	}
	over := func(field string, value, most any) error {
		return badRequest(field, "%s is over max limit set in config: %v is above %v", field, value, most)
	}
	none := func(field string, most any) error {
		return badRequest(field, "%s is over max limit set in config: it cannot be without one, and at most is %v", field, most)
	}
	if bound, ok := most.MaxBudget.Get(); ok && (has(sent, "max_budget") || has(sent, "temp_budget_increase") || has(sent, "metadata")) {
		if limits.MaxBudget == nil {
			return none("max_budget", bound)
		}
		if *limits.MaxBudget > bound {
			return over("max_budget", *limits.MaxBudget, bound)
		}
		if more := limits.TempBudgetIncrease; more != nil && *more > bound-*limits.MaxBudget {
			return over("temp_budget_increase", "max_budget and it", bound)
		}
	}
	for _, n := range []struct {
		field       string
		value, most *int64
	}{
		{"max_parallel_requests", limits.MaxParallel, most.MaxParallel.Ptr()}, {"tpm_limit", limits.TPM, most.TPM.Ptr()}, {"rpm_limit", limits.RPM, most.RPM.Ptr()},
	} {
		switch {
		case n.most == nil || !has(sent, n.field):
		case n.value == nil:
			return none(n.field, *n.most)
		case *n.value > *n.most:
			return over(n.field, *n.value, *n.most)
		}
	}
	for _, d := range []struct {
		field string
		value string
		most  Opt[string]
	}{{"budget_duration", limits.BudgetDuration, most.BudgetDuration}, {"duration", duration.Or(""), most.Duration}} {
		bound := d.most.Or("")
		if bound == "" || !has(sent, d.field) {
			continue
		}
		if d.value == "" || d.value == "-1" {
			return none(d.field, bound)
		}
		longest, err := policy.ParseDuration(bound)
		if err != nil {
			return badRequest(d.field, "%v", err)
		}
		span, err := policy.ParseDuration(d.value)
		if err != nil {
			return badRequest(d.field, "%v", err)
		}
		if now := s.now(); span.After(now).After(longest.After(now)) {
			return over(d.field, d.value, bound)
		}
	}
	return nil
}
