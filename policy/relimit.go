package policy

import "context"

// limitID is a limit without its amount: what has a counter of its own.
type limitID struct {
	scope  Scope
	kind   Kind
	model  string
	window string
}

// PutAll puts entities in their order, and returns those that were there before and
// have got a limit of spend, or of tokens per day, that they had not. While they had
// none nothing was counted for it, so that a counter of the time before lacks what
// was used since (see Healing.Entities).
func (d *Directory) PutAll(es []Entity) (relimited []Entity) {
	for _, e := range es {
		old, was := d.stored(e)
		var before map[limitID]bool
		if was {
			before = d.booksOf(old)
		}
		d.Put(e)
		if !was {
			continue
		}
		for id := range d.booksOf(e) {
			if !before[id] {
				relimited = append(relimited, e)
				break
			}
		}
	}
	return relimited
}

// stored is an entity as it is in the directory.
func (d *Directory) stored(e Entity) (Entity, bool) {
	switch e := e.(type) {
	case *Key:
		return found(d.keys.get(e.Hash))
	case *Team:
		return found(d.teams.get(e.ID))
	case *Membership:
		return found(d.members.get(MemberID(e.TeamID, e.UserID)))
	case *Project:
		return found(d.projects.get(e.ID))
	case *Organization:
		return found(d.organizations.get(e.ID))
	case *User:
		return found(d.users.get(e.ID))
	case *Customer:
		return found(d.customers.get(e.ID))
	case *Budget:
		return found(d.budgets.get(e.ID))
	case *Tag:
		return found(d.tags.get(e.Name))
	}
	return nil, false
}

func found[E Entity](e E, ok bool) (Entity, bool) { return e, ok }

// booksOf are the limits of an entity that the tables tell the use of.
func (d *Directory) booksOf(e Entity) map[limitID]bool {
	ids := map[limitID]bool{}
	add := func(scope Scope, limits []Limit) {
		for _, l := range limits {
			if booked(l.Kind, l.Window.Kind) {
				ids[limitID{scope, l.Kind, l.Model, l.Window.Name()}] = true
			}
		}
	}
	if b, ok := e.(*Budget); ok {
		add(Scope{}, b.compiled)
		return ids
	}
	_ = (&Seeding{Directory: d}).each(e, func(l level) error { // what it calls does not fail
		add(l.scope, l.limits(d))
		return nil
	})
	return ids
}

// Entities compares the counters of these entities alone, and of all that refer to a
// budget among them, with the tables, and sets right what differs.
func (h *Healing) Entities(ctx context.Context, changed []Entity) error {
	now, cal := h.Clock(), h.Directory.Settings().Calendar
	fix := func(hold Hold, d Drift) error { return h.correct(ctx, hold, d) }
	var holds []Hold
	add := func(l level) error {
		for _, limit := range l.limits(h.Directory) {
			if !booked(limit.Kind, limit.Window.Kind) {
				continue
			}
			hold := Hold{Scope: l.scope, Kind: limit.Kind, Model: limit.Model, Window: limit.Window}
			hold.Start, hold.End = limit.Window.Bounds(now, cal)
			holds = append(holds, hold)
		}
		if len(holds) < seedBatch {
			return nil
		}
		err := h.batch(ctx, holds, fix)
		holds = holds[:0]
		return err
	}
	seeding := &Seeding{Directory: h.Directory}
	var failed error
	each := func(e Entity) bool {
		failed = seeding.each(e, add)
		return failed == nil
	}
	for _, e := range changed {
		if !each(e) {
			return failed
		}
	}
	if seeding.referring(changed, each); failed != nil || len(holds) == 0 {
		return failed
	}
	return h.batch(ctx, holds, fix)
}
