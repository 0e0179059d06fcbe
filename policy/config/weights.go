package config

import "slices"

// weigh sets shares and priorities by public name: as LiteLLM, by weight where
// the first deployment has one, else by its rpm, else by its tpm. Where some
// have an order, those without come last.
func weigh(all []made) {
	groups := map[string][]made{}
	for _, m := range all {
		groups[m.d.Model] = append(groups[m.d.Model], m)
	}
	for _, group := range groups {
		ordered := slices.ContainsFunc(group, func(m made) bool { return m.entry.order != nil })
		fractions := slices.ContainsFunc(group, func(m made) bool { return m.entry.weight != nil && *m.entry.weight%1000 != 0 })
		head := group[0].entry
		for _, m := range group {
			share := int64(0)
			switch e := m.entry; {
			case head.weight != nil && e.weight != nil && fractions:
				share = *e.weight
			case head.weight != nil && e.weight != nil:
				share = *e.weight / 1000
			case head.weight != nil && fractions:
				share = 1000 // of one
			case head.weight != nil:
			case head.rpm != nil && e.rpm != nil:
				share = *e.rpm
			case head.rpm == nil && head.tpm != nil && e.tpm != nil:
				share = *e.tpm
			}
			m.d.Weight = int(min(share, 1_000_000_000))
			switch {
			case m.entry.order != nil:
				m.d.Priority = int(*m.entry.order)
			case ordered:
				m.d.Priority = 1_000_001
			}
		}
	}
}
