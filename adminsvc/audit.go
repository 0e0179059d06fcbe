package adminsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	gojson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// AuditReader lists changes.
type AuditReader interface {
	Audit(ctx context.Context, q policy.AuditQuery) (policy.AuditPage, error)
}

// auditTables are the names LiteLLM's log has for what can change; ours do as well.
var auditTables = map[policy.EntityKind]string{
	policy.EntityKey: "LiteLLM_VerificationToken", policy.EntityTeam: "LiteLLM_TeamTable", policy.EntityMembership: "LiteLLM_TeamMembership",
	policy.EntityProject: "LiteLLM_ProjectTable", policy.EntityOrganization: "LiteLLM_OrganizationTable", policy.EntityOrganizationMember: "LiteLLM_OrganizationMembership",
	policy.EntityUser: "LiteLLM_UserTable", policy.EntityCustomer: "LiteLLM_EndUserTable", policy.EntityBudget: "LiteLLM_BudgetTable", policy.EntityTag: "LiteLLM_TagTable",
	policy.EntityAccessGroup: "LiteLLM_AccessGroupTable", policy.EntityModel: "LiteLLM_ProxyModelTable", "invitation": "LiteLLM_InvitationLink", "setting": "LiteLLM_Config",
	"password": "LiteLLM_UserPassword",
}

type auditFilter struct {
	ChangedBy Opt[string] `query:"changed_by"`
	Key       Opt[string] `query:"changed_by_api_key" doc:"A key or its hash"`
	Action    Opt[string] `query:"action" enum:"created,updated,deleted"`
	Table     Opt[string] `query:"table_name" doc:"LiteLLM's name, or ours: key, team, membership, project, organization, organization_member, user, customer, budget, tag, access_group, model, invitation, password, setting"`
	Object    Opt[string] `query:"object_id"`
	Team      Opt[string] `query:"object_team_id" doc:"Changes of a team, and of what names it"`
	KeyHash   Opt[string] `query:"object_key_hash"`
	Search    Opt[string] `query:"search" doc:"A part of the object's id, or of who changed it"`
	Start     Opt[string] `query:"start_date" doc:"YYYY-MM-DD, or with a time; UTC"`
	End       Opt[string] `query:"end_date"`
}

type auditList struct {
	auditFilter
	Page  Opt[int64]  `query:"page"`
	Size  Opt[int64]  `query:"page_size" doc:"At most 100"`
	Sort  Opt[string] `query:"sort_by" doc:"updated_at, changed_by, action, table_name or object_id"`
	Order Opt[string] `query:"sort_order" doc:"desc or asc"`
}

type auditExport struct {
	auditFilter
	Before Opt[int64] `query:"before_id" doc:"Entries older than this one: the last line's id, to go on"`
	Limit  Opt[int64] `query:"limit" doc:"At most 10000, which is the default"`
}

type auditByID struct {
	ID Opt[int64] `path:"id"`
}

type auditRow struct {
	ID        Opt[string]         `json:"id"`
	At        Opt[time.Time]      `json:"updated_at"`
	ChangedBy Opt[string]         `json:"changed_by"`
	Key       Opt[string]         `json:"changed_by_api_key"`
	Action    Opt[string]         `json:"action"`
	Table     Opt[string]         `json:"table_name"`
	Object    Opt[string]         `json:"object_id"`
	Before    Opt[jsontext.Value] `json:"before_value" doc:"The documented fields before, secrets masked"`
	After     Opt[jsontext.Value] `json:"updated_values" doc:"And after"`
}

type auditRows struct {
	Logs       Opt[rows]  `json:"audit_logs" doc:"As GET /audit/{id} answers"`
	Total      Opt[int64] `json:"total"`
	Page       Opt[int64] `json:"page"`
	PageSize   Opt[int64] `json:"page_size"`
	TotalPages Opt[int64] `json:"total_pages"`
}

// audits: who changed what.
func audits(s *server) {
	op := func(path, summary string, reply any) operation {
		return operation{Method: http.MethodGet, Path: path, Tag: "audit", Summary: summary, Reply: reply}
	}
	route(s, op("/audit", "Who changed what, newest first", auditRows{}), s.listAudit)
	export := op("/audit/export", "The audit log as JSON lines, newest first", nil)
	export.Lines = true
	route(s, export, s.exportAudit)
	route(s, op("/audit/{id}", "One change", auditRow{}), s.auditEntry)
}

func (s *server) auditQuery(ctx context.Context, c *Caller, in *auditFilter) (q policy.AuditQuery, err error) {
	if err := s.authorize(ctx, c, auditRead, target{}); err != nil {
		return q, err
	}
	if s.AuditLog == nil {
		return q, &Error{Status: http.StatusServiceUnavailable, Type: "not_configured", Message: "There is no audit log here"}
	}
	q = policy.AuditQuery{ChangedBy: in.ChangedBy.Or(""), Action: in.Action.Or(""), ObjectID: in.Object.Or(""), TeamID: in.Team.Or(""), Search: in.Search.Or("")}
	if k := in.Key.Or(""); k != "" {
		q.ChangedByKey = keyHash(k).String()
	}
	if k := in.KeyHash.Or(""); k != "" {
		q.ObjectID, q.Kinds = keyHash(k).String(), []policy.EntityKind{policy.EntityKey}
	}
	if name := in.Table.Or(""); name != "" {
		q.Kinds = []policy.EntityKind{}
		for kind, table := range auditTables {
			if strings.EqualFold(table, name) || string(kind) == name {
				q.Kinds = append(q.Kinds, kind)
			}
		}
		if len(q.Kinds) == 0 {
			return q, badRequest("table_name", "There is no table %s", clip(name))
		}
	}
	q.From, q.Until, err = timesOf(in.Start, in.End)
	return q, err
}

func (s *server) listAudit(ctx context.Context, c *Caller, in *auditList) (any, error) {
	q, err := s.auditQuery(ctx, c, &in.auditFilter)
	if err != nil {
		return nil, err
	}
	p, err := pageOf(in.Page, in.Size, "page_size", 10, 100)
	if err != nil {
		return nil, err
	}
	var descending bool
	q.Sort, descending, err = sortOf(in.Sort, in.Order, map[string]string{"updated_at": "at", "changed_by": "changed_by", "action": "action", "table_name": "kind", "object_id": "object_id"})
	if err != nil {
		return nil, err
	}
	q.Ascending, q.Limit, q.Offset = !descending, p.limit(), p.offset()
	found, err := s.AuditLog.Audit(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Object, 0, len(found.Entries))
	for _, e := range found.Entries {
		out = append(out, auditEntryRow(e))
	}
	return Object{{"audit_logs", out}, {"total", found.Total}, {"page", p.number}, {"page_size", p.size}, {"total_pages", p.pages(found.Total)}}, nil
}

// mostAuditLines bounds one export; the next goes on before its last line.
const mostAuditLines = 10_000

func (s *server) exportAudit(ctx context.Context, c *Caller, in *auditExport) (any, error) {
	q, err := s.auditQuery(ctx, c, &in.auditFilter)
	if err != nil {
		return nil, err
	}
	q.BelowID, q.Limit = in.Before.Or(0), int(in.Limit.Or(mostAuditLines))
	if q.Limit < 1 || q.Limit > mostAuditLines {
		return nil, badRequest("limit", "limit is between 1 and %d", mostAuditLines)
	}
	if q.BelowID < 0 {
		return nil, badRequest("before_id", "before_id is the id of an entry")
	}
	found, err := s.AuditLog.Audit(ctx, q)
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	for _, e := range found.Entries {
		b, err := gojson.Marshal(auditEntryRow(e))
		if err != nil {
			return nil, err
		}
		lines.Write(append(b, '\n'))
	}
	return &document{contentType: "application/x-ndjson", name: "audit.jsonl", body: lines.Bytes()}, nil
}

func (s *server) auditEntry(ctx context.Context, c *Caller, in *auditByID) (any, error) {
	q, err := s.auditQuery(ctx, c, &auditFilter{})
	if err != nil {
		return nil, err
	}
	if q.ID, q.Limit = in.ID.Value, 1; q.ID < 1 {
		return nil, notFound("id", "There is no such entry")
	}
	found, err := s.AuditLog.Audit(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(found.Entries) == 0 {
		return nil, notFound("id", "There is no such entry")
	}
	return auditEntryRow(found.Entries[0]), nil
}

func auditEntryRow(e policy.AuditEntry) Object {
	table, ok := auditTables[e.Kind]
	if !ok {
		table = string(e.Kind)
	}
	id := e.ObjectID
	if group, member, ok := strings.Cut(id, "\x1f"); ok {
		id = group + "/" + member
	}
	value := func(v json.RawMessage) any {
		if len(v) == 0 {
			return nil
		}
		return jsontext.Value(v)
	}
	return Object{{"id", strconv.FormatInt(e.ID, 10)}, {"updated_at", when(e.At)}, {"changed_by", e.ChangedBy}, {"changed_by_api_key", e.ChangedByKey}, {"action", e.Action},
		{"table_name", table}, {"object_id", id}, {"before_value", value(e.Before)}, {"updated_values", value(e.After)}}
}
