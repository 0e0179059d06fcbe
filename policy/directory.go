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
	// enforcement goes before the settings'; nil or "": they say.
	enforcement atomic.Pointer[Enforcement]

	keys          *keyTable
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
		keys: newKeyTable(), teams: newTable[string, *Team](), members: newTable[string, *Membership](),
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

// Put adds or replaces an entity. The directory owns it from then on; of a key it
// keeps a packed copy.
func (d *Directory) Put(e Entity) {
	switch e := e.(type) {
	case *Key:
		d.keys.put(e) // its limits are compiled when it is asked for
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
	_ = d.organizations.each(func(_ string, e *Organization) bool { return f(e) }) &&
		d.teams.each(func(_ string, e *Team) bool { return f(e) }) &&
		d.members.each(func(_ string, e *Membership) bool { return f(e) }) &&
		d.projects.each(func(_ string, e *Project) bool { return f(e) }) &&
		d.users.each(func(_ string, e *User) bool { return f(e) }) &&
		d.keys.each(func(e *Key) bool { return f(e) }) &&
		d.customers.each(func(_ string, e *Customer) bool { return f(e) }) &&
		d.tags.each(func(_ string, e *Tag) bool { return f(e) })
}

// All calls f for every entity of every kind, what is referred to before what refers
// to it, until f returns false.
func (d *Directory) All(f func(Entity) bool) {
	_ = eachOf(d.budgets, f) && eachOf(d.groups, f) && eachOf(d.models, f) && eachOf(d.organizations, f) && eachOf(d.users, f) &&
		eachOf(d.teams, f) && eachOf(d.members, f) && eachOf(d.projects, f) && eachOf(d.customers, f) && eachOf(d.tags, f) &&
		d.keys.each(func(k *Key) bool { return f(k) })
}

func eachOf[K comparable, V Entity](t *table[K, V], f func(Entity) bool) bool {
	return t.each(func(_ K, v V) bool { return f(v) })
}

// Replace makes the directory's entities those of another, which must not be used
// any more: after all was loaded anew. Settings, catalog and revision stay.
func (d *Directory) Replace(fresh *Directory) {
	d.budgets.replace(fresh.budgets)
	d.groups.replace(fresh.groups)
	d.groupNames.replace(fresh.groupNames)
	d.models.replace(fresh.models)
	d.organizations.replace(fresh.organizations)
	d.users.replace(fresh.users)
	d.teams.replace(fresh.teams)
	d.members.replace(fresh.members)
	d.projects.replace(fresh.projects)
	d.customers.replace(fresh.customers)
	d.tags.replace(fresh.tags)
	d.keys.replace(fresh.keys.table)
}

const shards = 64

// seed of all tables: nobody outside can choose which keys meet in one shard.
var seed = maphash.MakeSeed()

// table is a map split in shards, so that a burst of changes stalls few readers.
type table[K comparable, V any] struct {
	shards [shards]struct {
		sync.RWMutex
		m map[K]V
	}
}

func newTable[K comparable, V any]() *table[K, V] {
	t := &table[K, V]{}
	for i := range t.shards {
		t.shards[i].m = map[K]V{}
	}
	return t
}

func (t *table[K, V]) shard(k K) int { return int(maphash.Comparable(seed, k) % shards) }

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

// replace takes over another table's entries, shard by shard: both split alike.
func (t *table[K, V]) replace(fresh *table[K, V]) {
	for i := range t.shards {
		t.shards[i].Lock()
		t.shards[i].m = fresh.shards[i].m
		t.shards[i].Unlock()
	}
}

func (t *table[K, V]) each(f func(K, V) bool) bool {
	type pair struct {
		k K
		v V
	}
	var all []pair
	for i := range t.shards {
		s := &t.shards[i]
		s.RLock()
		all = slices.Grow(all[:0], len(s.m))
		for k, v := range s.m {
			all = append(all, pair{k, v})
		}
		s.RUnlock() // f may take its time, or look up the same shard
		for _, p := range all {
			if !f(p.k, p.v) {
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
