package policy

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// Directory holds in memory all that a decision needs to know: who the callers
// are, what they may do, and which models there are. Reads never block on I/O;
// entities are immutable, replaced whole.
type Directory struct {
	settings atomic.Pointer[Settings]
	catalog  atomic.Pointer[Catalog]
	revision atomic.Int64

	keys          *table[KeyHash, *Key]
	teams         *table[string, *Team]
	members       *table[string, *Membership]
	projects      *table[string, *Project]
	organizations *table[string, *Organization]
	users         *table[string, *User]
	customers     *table[string, *Customer]
	budgets       *table[string, *Budget]
	tags          *table[string, *Tag]
	groups        *table[string, *AccessGroup]
	groupNames    *table[string, *AccessGroup]
	models        *table[string, *StoredModel]
}

// NewDirectory makes an empty one.
func NewDirectory(s *Settings, c *Catalog) *Directory {
	d := &Directory{
		keys: newTable[KeyHash, *Key](), teams: newTable[string, *Team](), members: newTable[string, *Membership](),
		projects: newTable[string, *Project](), organizations: newTable[string, *Organization](), users: newTable[string, *User](),
		customers: newTable[string, *Customer](), budgets: newTable[string, *Budget](), tags: newTable[string, *Tag](),
		groups: newTable[string, *AccessGroup](), groupNames: newTable[string, *AccessGroup](),
		models: newTable[string, *StoredModel](),
	}
	d.settings.Store(s)
	d.catalog.Store(c)
	return d
}

// Settings in force.
func (d *Directory) Settings() *Settings { return d.settings.Load() }

// SetSettings swaps the proxy-wide rules.
func (d *Directory) SetSettings(s *Settings) { d.settings.Store(s) }

// Catalog of models in force.
func (d *Directory) Catalog() *Catalog { return d.catalog.Load() }

// SetCatalog swaps the models.
func (d *Directory) SetCatalog(c *Catalog) { d.catalog.Store(c) }

// Revision is the last change applied.
func (d *Directory) Revision() int64 { return d.revision.Load() }

// SetRevision says up to which change the directory is complete.
func (d *Directory) SetRevision(r int64) { d.revision.Store(r) }

// Put adds or replaces an entity. The directory owns it from then on.
func (d *Directory) Put(e Entity) {
	switch e := e.(type) {
	case *Key:
		e.compile(e.CreatedAt)
		d.keys.put(e.Hash, e)
	case *Team:
		e.compile(e.CreatedAt)
		e.memberCompiled = e.MemberLimits.Compile(e.CreatedAt)
		d.teams.put(e.ID, e)
	case *Membership:
		e.compile(e.CreatedAt)
		d.members.put(MemberID(e.TeamID, e.UserID), e)
	case *Project:
		e.compile(e.CreatedAt)
		d.projects.put(e.ID, e)
	case *Organization:
		e.compile(e.CreatedAt)
		d.organizations.put(e.ID, e)
	case *User:
		e.compile(e.CreatedAt)
		d.users.put(e.ID, e)
	case *Customer:
		e.compile(e.CreatedAt)
		d.customers.put(e.ID, e)
	case *Budget:
		e.compile(e.CreatedAt)
		d.budgets.put(e.ID, e)
	case *Tag:
		e.compile(e.CreatedAt)
		d.tags.put(e.Name, e)
	case *AccessGroup:
		if old, ok := d.groups.get(e.ID); ok && old.Name != e.Name {
			d.groupNames.remove(old.Name)
		}
		d.groups.put(e.ID, e)
		d.groupNames.put(e.Name, e)
	case *StoredModel:
		d.models.put(e.ID, e)
	}
}

// Delete removes an entity; one that is not there is fine.
func (d *Directory) Delete(ref Ref) {
	switch ref.Kind {
	case EntityKey:
		if h, ok := ParseKeyHash(ref.ID); ok {
			d.keys.remove(h)
		}
	case EntityTeam:
		d.teams.remove(ref.ID)
	case EntityMembership:
		d.members.remove(ref.ID)
	case EntityProject:
		d.projects.remove(ref.ID)
	case EntityOrganization:
		d.organizations.remove(ref.ID)
	case EntityUser:
		d.users.remove(ref.ID)
	case EntityCustomer:
		d.customers.remove(ref.ID)
	case EntityBudget:
		d.budgets.remove(ref.ID)
	case EntityTag:
		d.tags.remove(ref.ID)
	case EntityAccessGroup:
		if old, ok := d.groups.get(ref.ID); ok {
			d.groupNames.remove(old.Name)
		}
		d.groups.remove(ref.ID)
	case EntityModel:
		d.models.remove(ref.ID)
	}
}

// Key by its hash.
func (d *Directory) Key(h KeyHash) (*Key, bool) { return d.keys.get(h) }

// Keys counts the keys held.
func (d *Directory) Keys() int { return d.keys.size() }

// Each calls f for every entity that carries limits, until f returns false.
// What changes meanwhile may or may not be seen.
func (d *Directory) Each(f func(Entity) bool) {
	_ = d.organizations.each(func(e *Organization) bool { return f(e) }) &&
		d.teams.each(func(e *Team) bool { return f(e) }) &&
		d.members.each(func(e *Membership) bool { return f(e) }) &&
		d.projects.each(func(e *Project) bool { return f(e) }) &&
		d.users.each(func(e *User) bool { return f(e) }) &&
		d.keys.each(func(e *Key) bool { return f(e) }) &&
		d.customers.each(func(e *Customer) bool { return f(e) }) &&
		d.tags.each(func(e *Tag) bool { return f(e) })
}

// All lists every entity of every kind, what is referred to before what refers to it.
func (d *Directory) All() []Entity {
	var out []Entity
	out = appendAll(out, d.budgets)
	out = appendAll(out, d.groups)
	out = appendAll(out, d.models)
	out = appendAll(out, d.organizations)
	out = appendAll(out, d.users)
	out = appendAll(out, d.teams)
	out = appendAll(out, d.members)
	out = appendAll(out, d.projects)
	out = appendAll(out, d.customers)
	out = appendAll(out, d.tags)
	return appendAll(out, d.keys)
}

func appendAll[K comparable, V Entity](out []Entity, t *table[K, V]) []Entity {
	out = slices.Grow(out, t.size())
	t.each(func(v V) bool {
		out = append(out, v)
		return true
	})
	return out
}

// Prune removes every entity that keep does not want: what is gone after all was
// loaded anew.
func (d *Directory) Prune(keep func(Entity) bool) {
	prune(d.keys, keep)
	prune(d.teams, keep)
	prune(d.members, keep)
	prune(d.projects, keep)
	prune(d.organizations, keep)
	prune(d.users, keep)
	prune(d.customers, keep)
	prune(d.budgets, keep)
	prune(d.tags, keep)
	prune(d.groups, keep)
	prune(d.groupNames, keep)
	prune(d.models, keep)
}

func prune[K comparable, V Entity](t *table[K, V], keep func(Entity) bool) {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		for k, v := range s.m {
			if !keep(v) {
				delete(s.m, k)
			}
		}
		s.Unlock()
	}
}

const shards = 64

// table is a map split in shards, so that a burst of changes stalls few readers.
type table[K comparable, V any] struct {
	seed   maphash.Seed
	shards [shards]struct {
		sync.RWMutex
		m map[K]V
	}
}

func newTable[K comparable, V any]() *table[K, V] {
	t := &table[K, V]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].m = map[K]V{}
	}
	return t
}

func (t *table[K, V]) shard(k K) int { return int(maphash.Comparable(t.seed, k) % shards) }

func (t *table[K, V]) get(k K) (V, bool) {
	s := &t.shards[t.shard(k)]
	s.RLock()
	v, ok := s.m[k]
	s.RUnlock()
	return v, ok
}

func (t *table[K, V]) put(k K, v V) {
	s := &t.shards[t.shard(k)]
	s.Lock()
	s.m[k] = v
	s.Unlock()
}

func (t *table[K, V]) remove(k K) {
	s := &t.shards[t.shard(k)]
	s.Lock()
	delete(s.m, k)
	s.Unlock()
}

func (t *table[K, V]) size() int {
	n := 0
	for i := range t.shards {
		t.shards[i].RLock()
		n += len(t.shards[i].m)
		t.shards[i].RUnlock()
	}
	return n
}

func (t *table[K, V]) each(f func(V) bool) bool {
	for i := range t.shards {
		s := &t.shards[i]
		s.RLock()
		all := make([]V, 0, len(s.m))
		for _, v := range s.m {
			all = append(all, v)
		}
		s.RUnlock() // f may take its time, or look up the same shard
		for _, v := range all {
			if !f(v) {
				return false
			}
		}
	}
	return true
}

// groupByName finds a managed access group by its id or its name.
func (d *Directory) groupByName(name string) (*AccessGroup, bool) {
	if g, ok := d.groups.get(name); ok {
		return g, true
	}
	return d.groupNames.get(name)
}
