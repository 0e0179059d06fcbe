package policy

import "context"

// Account is one counter beside what it is made of.
type Account struct {
	Counter Counter
	Used    int64
	Held    int64
	// Parts is, of a rolling minute, its sub-windows added up: Used. Of another
	// counter it is what the reservations under way hold of it: Held.
	Parts int64
}

// Off is by how much the counter differs from what it is made of.
func (a Account) Off() int64 {
	if a.Counter.Window == Minute.Name() {
		return a.Used - a.Parts
	}
	return a.Held - a.Parts
}

// Auditor adds up what its counters are made of. Each Account is of one moment,
// so requests under way are no difference.
type Auditor interface {
	Audit(ctx context.Context) (live int, accounts []Account, err error)
}

// Verified is one counter as Verification found it.
type Verified struct {
	Account
	// Booked is what the tables say was used; only where InTables.
	Booked   int64
	InTables bool
	// Settled is by how much what is settled differs from the tables for certain:
	// what was settled while they were read is no difference.
	Settled int64
}

// OK is the invariant of one counter.
func (v Verified) OK() bool { return v.Settled == 0 && v.Off() == 0 }

// Verification is the ledger's invariant, scope by scope and window by window: what
// a counter has settled is what the tables have booked, what it holds is the sum of
// its reservations, and a rolling minute is the sum of its sub-windows.
type Verification struct {
	Healing *Healing // that knows what the tables have
	Auditor Auditor
}

// Run compares every counter. It changes nothing, and may run beside live requests.
func (v *Verification) Run(ctx context.Context) (live int, found []Verified, err error) {
	live, accounts, err := v.Auditor.Audit(ctx)
	if err != nil {
		return 0, nil, err
	}
	booked := map[Counter]Drift{}
	if err := v.Healing.compare(ctx, func(Scope) bool { return true }, func(_ Hold, d Drift) error {
		booked[d.Counter] = d
		return nil
	}); err != nil {
		return 0, nil, err
	}
	for _, a := range accounts {
		f := Verified{Account: a}
		if d, ok := booked[a.Counter]; ok {
			f.Used, f.Booked, f.InTables, f.Settled = d.Counted, d.Booked, true, d.By
			delete(booked, a.Counter)
		}
		found = append(found, f)
	}
	for c, d := range booked { // counters that are newer than the audit
		found = append(found, Verified{Account: Account{Counter: c, Used: d.Counted}, Booked: d.Booked, InTables: true, Settled: d.By})
	}
	return live, found, nil
}
