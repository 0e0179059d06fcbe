package policy

import (
	"encoding/json"
	"time"
)

// AuditEntry is one change of one thing. Before and After are its documented
// fields, without secrets; nil where it did not exist.
type AuditEntry struct {
	ID           int64
	At           time.Time
	ChangedBy    string
	ChangedByKey string
	Action       string // created, updated, deleted
	Kind         EntityKind
	ObjectID     string
	Before       json.RawMessage
	After        json.RawMessage
}

// AuditQuery selects audit entries, newest first unless Ascending. Zero fields
// select all.
type AuditQuery struct {
	ID                      int64
	BelowID                 int64 // older than this entry, for export in parts
	ChangedBy, ChangedByKey string
	Action                  string
	Kinds                   []EntityKind
	ObjectID                string
	TeamID                  string // of the team itself, or of what names it
	Search                  string // a part of the object's id, or of who changed it
	From, Until             time.Time
	Sort                    string // "" or "at", "changed_by", "action", "kind", "object_id"
	Ascending               bool
	Limit, Offset           int
}

// AuditPage is what a query found; Total is without Limit and Offset.
type AuditPage struct {
	Entries []AuditEntry
	Total   int
}

// RefusalQuery selects counts of refusals, newest minute first. Zero fields select all.
type RefusalQuery struct {
	From, Until              time.Time
	KeyHash, TeamID, Project string
	Code                     Code
	Scope                    *Scope
	Kind, Model              string
	Shadow                   *bool    // only those that did, or did not, happen
	Teams                    []string // any of these, for callers who may see only them
	Keys                     []string // any of these keys; nil: all
	Limit, Offset            int
}
