package policy

import (
	"context"
	"fmt"
	"time"
)

// EntityKind names a stored sort of thing.
type EntityKind string

// The kinds of stored entities.
const (
	EntityKey                EntityKind = "key"
	EntityTeam               EntityKind = "team"
	EntityMembership         EntityKind = "membership"
	EntityProject            EntityKind = "project"
	EntityOrganization       EntityKind = "organization"
	EntityOrganizationMember EntityKind = "organization_member"
	EntityUser               EntityKind = "user"
	EntityCustomer           EntityKind = "customer"
	EntityBudget             EntityKind = "budget"
	EntityTag                EntityKind = "tag"
	EntityAccessGroup        EntityKind = "access_group"
	EntityModel              EntityKind = "model"
	// EntitySpend is no stored entity: a change of this kind says that a scope's spend
	// was changed by hand. Its id is the Scope's String.
	EntitySpend EntityKind = "spend"
	// EntitySetting is told like EntitySpend: the setting of this id was changed.
	EntitySetting EntityKind = "setting"
)

// Ref points at one stored entity.
type Ref struct {
	Kind EntityKind
	ID   string
}

// Entity is anything stored: a pointer to one of the types of entities.go.
type Entity interface {
	Ref() Ref
	record() *Record
}

// Ref of each entity. A key's id is the hex of its hash.
func (e *Key) Ref() Ref          { return Ref{EntityKey, e.Hash.String()} }
func (e *Team) Ref() Ref         { return Ref{EntityTeam, e.ID} }
func (e *Membership) Ref() Ref   { return Ref{EntityMembership, MemberID(e.TeamID, e.UserID)} }
func (e *Project) Ref() Ref      { return Ref{EntityProject, e.ID} }
func (e *Organization) Ref() Ref { return Ref{EntityOrganization, e.ID} }
func (e *OrganizationMember) Ref() Ref {
	return Ref{EntityOrganizationMember, MemberID(e.OrganizationID, e.UserID)}
}
func (e *User) Ref() Ref        { return Ref{EntityUser, e.ID} }
func (e *Customer) Ref() Ref    { return Ref{EntityCustomer, e.ID} }
func (e *Budget) Ref() Ref      { return Ref{EntityBudget, e.ID} }
func (e *Tag) Ref() Ref         { return Ref{EntityTag, e.Name} }
func (e *AccessGroup) Ref() Ref { return Ref{EntityAccessGroup, e.ID} }

func (r *Record) record() *Record { return r }

// RecordOf is the bookkeeping part of an entity.
func RecordOf(e Entity) *Record { return e.record() }

// Query lists entities of one kind.
type Query struct {
	Kind  EntityKind
	Where []Condition // all must hold
	Any   []Condition // of these at least one must hold too, where there are any
	// Sort is a field of the kind, "" for creation. Ties go by id.
	Sort       string
	Descending bool
	Limit      int // 0: all
	Offset     int
	Deleted    bool // list what was deleted instead, where the kind keeps it
}

// Condition is one test a listed entity must pass; a nil Value is SQL's NULL,
// and an absent id is NULL.
type Condition struct {
	Field string // of the kind: "team_id", "user_id", "alias", "member", …
	Op    Op
	Value any // a string, []string (Op In), time.Time or bool
}

// Op is a comparison.
type Op uint8

// The comparisons.
const (
	Is Op = iota
	IsNot
	In
	Contains // case-insensitive
	Before   // times
	After
)

// Page is what a Query found.
type Page struct {
	Entities []Entity
	Total    int // without Limit and Offset
}

// Reader reads stored entities. Get answers ErrNotFound for what is not there.
type Reader interface {
	Get(ctx context.Context, ref Ref) (Entity, error)
	List(ctx context.Context, q Query) (Page, error)
}

// Tx is one write under way. It reads its own writes; no other write runs beside it.
type Tx interface {
	Reader
	// Create answers ErrConflict where the id, or what must be unique, exists.
	Create(ctx context.Context, e Entity) error
	// Update replaces the entity whole; ErrNotFound where it is not there.
	Update(ctx context.Context, e Entity) error
	// Delete removes it; ErrNotFound where it is not there.
	Delete(ctx context.Context, ref Ref) error
	// Keep writes what is no entity, with its line in the audit log.
	Keep(ctx context.Context, k Kept) error
}

// Adjuster is what a Tx can do besides: change what was spent by hand. Adjust books
// journal entries of type adjustment, idempotent by call id: with the rest of the write or not at all.
// What was spent reads as before until the write is over.
type Adjuster interface {
	Adjust(ctx context.Context, entries []Entry) error
	// Restart begins a scope's spend anew.
	Restart(ctx context.Context, scope Scope) error
}

// Actor is who changes something, for the audit log.
type Actor struct {
	UserID  string
	KeyHash string
}

// Store is the door to the stored entities. Write runs f in one transaction and
// returns once every live data plane has applied what it changed, or a second
// has passed; where f or the commit fails, nothing changed.
type Store interface {
	Reader
	Write(ctx context.Context, by Actor, f func(Tx) error) error
	// CountBy counts what a query finds by the value of one of the kind's id fields, as
	// the keys of teams by team_id. Sort, Limit and Offset do not matter.
	CountBy(ctx context.Context, q Query, field string) (map[string]int, error)
}

// Get reads one entity of a known type.
func Get[E Entity](ctx context.Context, r Reader, ref Ref) (E, error) {
	var none E
	e, err := r.Get(ctx, ref)
	if err != nil {
		return none, err
	}
	typed, ok := e.(E)
	if !ok {
		return none, fmt.Errorf("%s %q is a %T", ref.Kind, ref.ID, e)
	}
	return typed, nil
}

// List reads the entities of a query as a known type, and how many there are in all.
func List[E Entity](ctx context.Context, r Reader, q Query) ([]E, int, error) {
	page, err := r.List(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	out := make([]E, 0, len(page.Entities))
	for _, e := range page.Entities {
		typed, ok := e.(E)
		if !ok {
			return nil, 0, fmt.Errorf("a list of %s holds a %T", q.Kind, e)
		}
		out = append(out, typed)
	}
	return out, page.Total, nil
}

// LogQuery selects journal rows, newest first unless Ascending.
type LogQuery struct {
	From, Until                                                  time.Time // of the start; zero: open
	KeyHash, UserID, TeamID, ProjectID, OrganizationID, Customer string
	RequestID, Session, Model, ModelGroup, Deployment, KeyAlias  string
	Status                                                       Status
	Tag                                                          string
	MinCost, MaxCost                                             *Money
	HTTPStatus                                                   int      // of the answer, of those that failed
	ErrorText                                                    string   // part of the error, whatever its case
	Teams                                                        []string // any of these, for callers who may see only them
	Sort                                                         string   // "startTime", "spend", "total_tokens", "request_duration_ms"
	Ascending                                                    bool
	Limit, Offset                                                int
}

// ActivityQuery sums the journal by day and every dimension.
type ActivityQuery struct {
	Scope   ScopeKind // whose entities the answer is grouped by
	IDs     []string  // only these; nil: all
	Exclude []string
	From    time.Time // first day, inclusive
	Until   time.Time // day after the last
	Zone    *time.Location
	Model   string
	KeyHash string
	By      Dimensions // what is told apart: the rows' other names are empty. 0: everything
	Keys    []string   // the keys that are told apart, all others' KeyHash is empty; nil: all
}

// Dimensions are what sums are told apart by.
type Dimensions uint8

const (
	ByDay Dimensions = 1 << iota
	ByEntity
	ByKey
	ByModel // Model and ModelGroup
	ByProvider
	ByRoute
)

// Has reports whether all of the others are among d; 0 is all there are.
func (d Dimensions) Has(others Dimensions) bool { return d == 0 || d&others == others }

// ActivityRow is one day of one combination of dimensions.
type ActivityRow struct {
	Day                                         string // YYYY-MM-DD
	Entity                                      string
	KeyHash, Model, ModelGroup, Provider, Route string
	Spend                                       Money
	Input, Output, CacheRead, CacheWrite        int64
	Requests, Succeeded, Failed                 int64
	Millis                                      int64
}
