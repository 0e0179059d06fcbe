package policy

import (
	"net/url"
	"strconv"
	"strings"
)

// Mark is one limit as a decision met it. Amounts are in the kind's unit.
type Mark struct {
	Scope   Scope
	Kind    Kind
	Model   string
	Window  string // Window.Name
	Limit   int64
	Used    int64 // before this request: settled, and held by others
	Took    int64 // held for this request; of a refused one the least it would have taken
	Shadow  bool
	Refused bool
}

// Left is what the decision left of the limit.
func (m Mark) Left() int64 {
	if m.Refused {
		return max(m.Limit-m.Used, 0)
	}
	return max(m.Limit-m.Used-m.Took, 0)
}

// maxMarks bounds the text of a request's marks, in bytes: what comes on top is left out,
// from the last that was checked.
const maxMarks = 1000

// scopeLetters are the levels as marks are written. Journals keep them: never change one.
var scopeLetters = [scopeKinds]byte{'x', 'o', 't', 'm', 'p', 'u', 'k', 'c', 'g', 'd'}

// Marks writes the limits that a decision met: a line of text, some 20 bytes for each,
// so that the row of every request can have it. Ids that e has already are left out;
// ReadMarks takes them from there.
func Marks(ask *Ask, out *Outcome, e *Entry) string {
	if len(out.Balances) < len(ask.Holds) || len(ask.Holds) == 0 {
		return "" // nobody counted
	}
	b := make([]byte, 0, 32*len(ask.Holds))
	next := 0 // of out.Failed, which is in order
	for i := range ask.Holds {
		h, start := &ask.Holds[i], len(b)
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, scopeLetters[h.Scope.Kind], Kinds[h.Kind].Letter)
		took := h.Amount(out.Output)
		used := out.Balances[i].Used + out.Balances[i].Held
		if out.Granted {
			used -= took // balances tell of what is left after it
		} else {
			took = h.Amount(ask.Least)
		}
		if next < len(out.Failed) && out.Failed[next] == i {
			b = append(b, '!')
			next++
		}
		if h.Soft {
			b = append(b, '~')
		}
		if h.Window.Kind != Kinds[h.Kind].Window {
			b = append(b, h.Window.Name()...)
		}
		for _, n := range [...]int64{h.Limit, used, took} {
			b = strconv.AppendInt(append(b, ','), n, 36)
		}
		if known := e.idOf(h.Scope.Kind) == h.Scope.ID; h.Model != "" || !known {
			b = append(append(b, ','), url.QueryEscape(h.Model)...)
			if !known {
				b = append(append(b, ','), url.QueryEscape(h.Scope.ID)...)
			}
		}
		if len(b) > maxMarks {
			return string(b[:start])
		}
	}
	return string(b)
}

// ReadMarks reads what Marks wrote beside the entry. What cannot be read is left out.
func ReadMarks(text string, e *Entry) []Mark {
	if text == "" {
		return nil
	}
	var out []Mark
	for one := range strings.SplitSeq(text, " ") {
		if m, ok := readMark(one, e); ok {
			out = append(out, m)
		}
	}
	return out
}

func readMark(text string, e *Entry) (m Mark, ok bool) {
	parts := strings.Split(text, ",")
	head := parts[0]
	if len(head) < 2 || len(parts) < 4 || len(parts) > 6 {
		return m, false
	}
	scope := strings.IndexByte(string(scopeLetters[:]), head[0])
	kind := -1
	for k := range Kinds {
		if Kinds[k].Letter == head[1] {
			kind = k
		}
	}
	if scope < 0 || kind < 0 {
		return m, false
	}
	m.Scope.Kind, m.Kind = ScopeKind(scope), Kind(kind)
	head = head[2:]
	head, m.Refused = strings.CutPrefix(head, "!")
	head, m.Shadow = strings.CutPrefix(head, "~")
	if m.Window = head; head == "" {
		m.Window = Window{Kind: Kinds[kind].Window}.Name()
	}
	for i, to := range [...]*int64{&m.Limit, &m.Used, &m.Took} {
		n, err := strconv.ParseInt(parts[1+i], 36, 64)
		if err != nil {
			return m, false
		}
		*to = n
	}
	var err error
	if len(parts) > 4 {
		if m.Model, err = url.QueryUnescape(parts[4]); err != nil {
			return m, false
		}
	}
	m.Scope.ID = e.idOf(m.Scope.Kind)
	if len(parts) > 5 {
		m.Scope.ID, err = url.QueryUnescape(parts[5])
	}
	return m, err == nil
}

// idOf is the entry's id at a level.
func (e *Entry) idOf(k ScopeKind) string {
	switch k {
	case ScopeOrganization:
		return e.OrganizationID
	case ScopeTeam:
		return e.TeamID
	case ScopeMember:
		return MemberID(e.TeamID, e.UserID)
	case ScopeProject:
		return e.ProjectID
	case ScopeUser:
		return e.UserID
	case ScopeKey:
		return e.KeyHash
	case ScopeCustomer:
		return e.CustomerID
	case ScopeDeployment:
		return e.Deployment
	}
	return ""
}
