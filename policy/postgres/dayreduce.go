package postgres

import (
	"strings"

	"github.com/purser/purser/policy"
)

// entityOf are the columns that name a scope's entities: two for members.
var entityOf = map[policy.ScopeKind][]int{
	policy.ScopeProxy: {}, policy.ScopeOrganization: {cOrganization}, policy.ScopeTeam: {cTeam}, policy.ScopeMember: {cTeam, cUser},
	policy.ScopeProject: {cProject}, policy.ScopeUser: {cUser}, policy.ScopeKey: {cKey}, policy.ScopeTag: {cOwn}, policy.ScopeCustomer: {cOwn},
}

// idSet are the entities of some ids, those that there are.
func (n *naming) idSet(kind policy.ScopeKind, ids []string) map[[2]uint32]bool {
	out := map[[2]uint32]bool{}
	for _, id := range cleanAll(kind, ids) {
		parts, ok := []string{id}, true
		if kind == policy.ScopeMember {
			team, user, _ := strings.Cut(id, "\x1f")
			parts = []string{team, user}
		}
		var k [2]uint32
		for i, p := range parts {
			var there bool
			k[i], there = n.find(p)
			ok = ok && there
		}
		if ok {
			out[k] = true
		}
	}
	return out
}

// reduce answers a query from days.
func reduce(q policy.ActivityQuery, labels []string, days []*cachedDay, names *naming) ([]policy.ActivityRow, error) {
	type group struct {
		day                                        int32
		entity                                     [2]uint32
		key, model, modelGroup, provider, endpoint uint32
	}
	var only, except map[[2]uint32]bool
	if q.IDs != nil {
		only = names.idSet(q.Scope, q.IDs)
	}
	if len(q.Exclude) > 0 {
		except = names.idSet(q.Scope, q.Exclude)
	}
	var told map[uint32]bool
	if q.Keys != nil {
		told = map[uint32]bool{}
		for _, k := range q.Keys {
			if id, ok := names.find(k); ok {
				told[id] = true
			}
		}
	}
	model, modelKnown := names.find(clean(q.Model, maxID))
	key, keyKnown := names.find(q.KeyHash)
	if q.Model != "" && !modelKnown || q.KeyHash != "" && !keyKnown {
		return nil, nil
	}
	entity := entityOf[q.Scope]
	by := func(d policy.Dimensions) bool { return q.By.Has(d) }
	byDay, byEntity, byKey, byModel, byProvider, byRoute := by(policy.ByDay), by(policy.ByEntity), by(policy.ByKey), by(policy.ByModel), by(policy.ByProvider), by(policy.ByRoute)
	room, most := 0, 0
	for _, d := range days {
		room, most = room+len(d.rows), max(most, len(d.rows))
	}
	if !byDay {
		room = most
	}
	if byKey && told == nil || byEntity && len(entity) > 0 && only == nil { // hardly anything falls together
		most = room
	} else {
		room, most = 0, 0
	}
	groups, sums, at := make([]group, 0, room), make([]measures, 0, room), make(map[group]int, most/max(1, len(days)))
	for i, d := range days {
		for n := range d.rows {
			r := &d.rows[n]
			var g group
			named := true
			for e, c := range entity {
				g.entity[e] = r.dims[c]
				named = named && r.dims[c] != 0
			}
			if !named || only != nil && !only[g.entity] || except[g.entity] || q.KeyHash != "" && r.dims[cKey] != key ||
				q.Model != "" && r.dims[cModel] != model && r.dims[cAsked] != model && r.dims[cGroup] != model {
				continue
			}
			if byDay {
				g.day = int32(i)
			}
			if !byEntity {
				g.entity = [2]uint32{}
			}
			if byKey && (told == nil || told[r.dims[cKey]]) {
				g.key = r.dims[cKey]
			}
			if byModel {
				g.model, g.modelGroup = r.dims[cModel], r.dims[cGroup]
			}
			if byProvider {
				g.provider = r.dims[cProvider]
			}
			if byRoute {
				g.endpoint = r.dims[cRoute]
			}
			p, ok := at[g]
			if !ok {
				p = len(groups)
				at[g] = p
				groups, sums = append(groups, g), append(sums, measures{})
			}
			if !sums[p].add(r.sums, 1) {
				return nil, errOverflow
			}
		}
		if byDay {
			clear(at)
		}
	}
	text := names.all()
	out := make([]policy.ActivityRow, 0, len(groups))
	for i, g := range groups {
		m := &sums[i]
		if m[mRequests] == 0 {
			continue
		}
		r := policy.ActivityRow{Entity: text[g.entity[0]], KeyHash: text[g.key], Model: text[g.model], ModelGroup: text[g.modelGroup], Provider: text[g.provider], Route: text[g.endpoint],
			Spend: policy.Money(m[mSpend]), Input: m[mInput], Output: m[mOutput], CacheRead: m[mCacheRead], CacheWrite: m[mCacheWrite],
			Requests: m[mRequests], Succeeded: m[mSucceeded], Failed: m[mFailed], Millis: m[mMillis]}
		if byDay {
			r.Day = labels[g.day]
		}
		if q.Scope == policy.ScopeMember && byEntity {
			r.Entity = policy.MemberID(text[g.entity[0]], text[g.entity[1]])
		}
		out = append(out, r)
	}
	return out, nil
}
