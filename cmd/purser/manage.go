package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
)

// verb is one call of the API. Flags go into its body, or its query where it has
// none; what stands without a flag is its id.
type verb struct {
	method, path string
	id           string // the field of the id; "" where it takes none
	many         bool   // it takes several ids, as a list
	rows         string // where a list is in the answer; "" is the answer itself
	columns      []string
}

// exitRefused is the status of `purser simulate` for a call that would be refused.
const exitRefused = 4

const (
	read, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
)

var (
	keyColumns  = []string{"token", "key_name", "key_alias", "team_id", "project_id", "user_id", "spend", "max_budget", "expires"}
	teamColumns = []string{"team_id", "team_alias", "organization_id", "spend", "max_budget", "blocked"}
)

// managed is what the command line manages, and how.
var managed = map[string]map[string]verb{
	"key": {
		"create": {method: post, path: "/key/generate"}, "list": {method: read, path: "/key/list?return_full_object=true", rows: "keys", columns: keyColumns},
		"info": {method: read, path: "/key/info", id: "key"}, "update": {method: post, path: "/key/update", id: "key"}, "delete": {method: post, path: "/key/delete", id: "keys", many: true},
		"block": {method: post, path: "/key/block", id: "key"}, "unblock": {method: post, path: "/key/unblock", id: "key"}, "regenerate": {method: post, path: "/key/regenerate", id: "key"},
	},
	"team": {
		"create": {method: post, path: "/team/new"}, "list": {method: read, path: "/v2/team/list?page_size=100", rows: "teams", columns: teamColumns},
		"info": {method: read, path: "/team/info", id: "team_id"}, "update": {method: post, path: "/team/update", id: "team_id"}, "delete": {method: post, path: "/team/delete", id: "team_ids", many: true},
		"block": {method: post, path: "/team/block", id: "team_id"}, "unblock": {method: post, path: "/team/unblock", id: "team_id"},
		"add-member": {method: post, path: "/team/member_add", id: "team_id"}, "remove-member": {method: post, path: "/team/member_delete", id: "team_id"},
	},
	"project": {
		"create": {method: post, path: "/project/new"}, "list": {method: read, path: "/project/list", columns: []string{"project_id", "project_alias", "team_id", "spend", "max_budget", "blocked"}},
		"info": {method: read, path: "/project/info", id: "project_id"}, "update": {method: post, path: "/project/update", id: "project_id"}, "delete": {method: del, path: "/project/delete", id: "project_ids", many: true},
	},
	"user": {
		"create": {method: post, path: "/user/new"}, "list": {method: read, path: "/user/list?page_size=100", rows: "users", columns: []string{"user_id", "user_email", "user_role", "spend", "max_budget", "blocked"}},
		"info": {method: read, path: "/user/info", id: "user_id"}, "update": {method: post, path: "/user/update", id: "user_id"}, "delete": {method: post, path: "/user/delete", id: "user_ids", many: true},
		"invite": {method: post, path: "/invitation/new", id: "user_id"},
	},
	"org": {
		"create": {method: post, path: "/organization/new"}, "list": {method: read, path: "/organization/list", columns: []string{"organization_id", "organization_alias", "spend"}},
		"info": {method: read, path: "/organization/info", id: "organization_id"}, "update": {method: patch, path: "/organization/update", id: "organization_id"}, "delete": {method: del, path: "/organization/delete", id: "organization_ids", many: true},
	},
	"customer": {
		"create": {method: post, path: "/customer/new", id: "user_id"}, "list": {method: read, path: "/customer/list", columns: []string{"user_id", "alias", "spend", "budget_id", "blocked"}},
		"info": {method: read, path: "/customer/info", id: "end_user_id"}, "update": {method: post, path: "/customer/update", id: "user_id"}, "delete": {method: post, path: "/customer/delete", id: "user_ids", many: true},
		"block": {method: post, path: "/customer/block", id: "user_ids", many: true}, "unblock": {method: post, path: "/customer/unblock", id: "user_ids", many: true},
	},
	"budget": {
		"create": {method: post, path: "/budget/new"}, "list": {method: read, path: "/budget/list", columns: []string{"budget_id", "max_budget", "budget_duration", "tpm_limit", "rpm_limit"}},
		"info": {method: post, path: "/budget/info", id: "budgets", many: true}, "update": {method: post, path: "/budget/update", id: "budget_id"}, "delete": {method: post, path: "/budget/delete", id: "id"},
	},
	"model": {
		"create": {method: post, path: "/model/new"}, "list": {method: read, path: "/v1/models", rows: "data", columns: []string{"id", "owned_by", "mode", "max_input_tokens", "max_output_tokens"}},
		"info": {method: read, path: "/model/info", id: "litellm_model_id"}, "delete": {method: post, path: "/model/delete", id: "id"},
	},
	"spend": {
		"logs": {method: read, path: "/spend/logs/v2", rows: "data", columns: []string{"startTime", "request_id", "model", "team_id", "user", "total_tokens", "spend", "status"}},
		"keys": {method: read, path: "/spend/keys"}, "users": {method: read, path: "/spend/users"}, "total": {method: read, path: "/global/spend"},
	},
	"limits":   {"": {method: read, path: "/limits", id: "key", rows: "limits", columns: []string{"scope", "scope_id", "kind", "model", "window", "limit", "used", "reserved", "remaining", "reset_at"}}},
	"simulate": {"": {method: post, path: "/policy/simulate", id: "key"}},
	"refusals": {"": {method: read, path: "/refusals", rows: "refusals", columns: []string{"minute", "count", "reason", "key_name", "team_id", "scope", "scope_id", "limit_kind", "model"}}},
	"audit":    {"": {method: read, path: "/audit", rows: "audit_logs", columns: []string{"updated_at", "changed_by", "action", "table_name", "object_id"}}},
}

// manageCommands are the subcommands of managed.
func manageCommands() (out []command) {
	briefs := map[string]string{
		"key": "virtual keys", "team": "teams", "project": "projects", "user": "internal users", "org": "organizations", "customer": "end users", "budget": "shared budgets",
		"model": "models", "spend": "what was spent", "limits": "every limit in force for a key", "simulate": "what would become of a call, and why", "refusals": "why calls were refused", "audit": "who changed what",
	}
	for _, name := range []string{"key", "team", "project", "user", "org", "customer", "budget", "model", "spend", "limits", "simulate", "refusals", "audit"} {
		out = append(out, command{name: name, brief: briefs[name], run: func(ctx context.Context, args []string, w io.Writer) error { return manage(ctx, name, args, w) }})
	}
	return out
}

func verbsOf(verbs map[string]verb) string {
	names := make([]string, 0, len(verbs))
	for name := range verbs {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, "|")
}

// manageUsage is the help of one subcommand.
func manageUsage(name string, verbs map[string]verb) string {
	what := name + " " + verbsOf(verbs) + " [id …]"
	if v, alone := verbs[""]; alone {
		what = name
		if v.id != "" {
			what += " [" + v.id + "]"
		}
	}
	return "purser " + what + " [--field value …] [--output table|json]\n\nFields are the API's, as in --team-id t --models a,b --max-budget 10 --metadata '{\"a\":1}'.\nPURSER_URL and PURSER_KEY say where, and as whom.\n"
}

// manage runs one call and prints its answer.
func manage(ctx context.Context, name string, args []string, out io.Writer) error {
	verbs := managed[name]
	v, alone := verbs[""]
	if slices.Contains(args, "-h") || slices.Contains(args, "--help") {
		fmt.Fprint(out, manageUsage(name, verbs))
		return nil
	}
	if !alone {
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			fmt.Fprint(out, manageUsage(name, verbs))
			return usageError{"what to do?"}
		}
		var ok bool
		if v, ok = verbs[args[0]]; !ok {
			return usageError{fmt.Sprintf("there is no %q: it is %s", args[0], verbsOf(verbs))}
		}
		args = args[1:]
	}
	fields, ids, output, err := fieldsOf(args)
	if err != nil {
		return err
	}
	if err := v.name(fields, ids); err != nil {
		return err
	}
	c, err := newAPIClient()
	if err != nil {
		return err
	}
	path, fixed, _ := strings.Cut(v.path, "?")
	query, _ := url.ParseQuery(fixed)
	body := fields
	if v.method == read {
		for field, value := range fields {
			query.Set(field, plain(value))
		}
		body = nil
	}
	answer, err := c.call(ctx, v.method, path, query, body)
	if err != nil {
		return err
	}
	if output == "json" {
		err = printJSON(out, answer)
	} else {
		err = v.print(out, answer)
	}
	if m, ok := answer.(map[string]any); err == nil && ok && name == "simulate" && m["allowed"] == false {
		return exitStatus(exitRefused)
	}
	return err
}

// name puts ids where the call has them.
func (v verb) name(fields map[string]any, ids []string) error {
	switch {
	case len(ids) == 0:
		return nil
	case v.id == "":
		return usageError{fmt.Sprintf("unexpected argument %q", ids[0])}
	case v.many:
		list := make([]any, len(ids))
		for i, id := range ids {
			list[i] = id
		}
		fields[v.id] = list
	case len(ids) > 1:
		return usageError{"one id at a time"}
	default:
		fields[v.id] = ids[0]
	}
	return nil
}

// listFields may be written with commas; a value that begins like structured is JSON.
var (
	listFields = []string{"models", "tags", "allowed_routes", "allowed_ips", "keys", "key_aliases", "team_ids", "user_ids", "project_ids", "organization_ids"}
	structured = "{[\""
)

// fieldsOf reads --name value and --name=value; a flag without a value is true.
func fieldsOf(args []string) (fields map[string]any, ids []string, output string, err error) {
	fields, output = map[string]any{}, "table"
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			ids = append(ids, arg)
			continue
		}
		name, value, has := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !has && i+1 < len(args) && !strings.HasPrefix(args[i+1], "--") {
			i++
			value, has = args[i], true
		}
		name = strings.ReplaceAll(name, "-", "_")
		switch {
		case name == "":
			return nil, nil, "", usageError{fmt.Sprintf("%q is no flag", arg)}
		case name == "o" || name == "output":
			if value != "table" && value != "json" {
				return nil, nil, "", usageError{"--output is table or json"}
			}
			output = value
		case !has:
			fields[name] = true
		default:
			fields[name] = valueOf(name, value)
		}
	}
	return fields, ids, output, nil
}

// valueOf reads a flag's value: a number, true, false, null, JSON where it begins like it, else a text.
func valueOf(name, text string) any {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	isText := strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_alias") || name == "key" || name == "model"
	if (text == "null" || !isText) && d.Decode(&v) == nil && !d.More() {
		return v
	}
	if slices.Contains(listFields, name) && !strings.ContainsAny(text[:min(1, len(text))], structured) {
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list
	}
	return text
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// print writes a list as a table, and one thing as its fields.
func (v verb) print(out io.Writer, answer any) error {
	list := answer
	if m, ok := answer.(map[string]any); ok && v.rows != "" {
		list = m[v.rows]
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	rows, ok := list.([]any)
	if !ok {
		m, isObject := answer.(map[string]any)
		if !isObject {
			return printJSON(out, answer)
		}
		names := make([]string, 0, len(m))
		for name, value := range m {
			if value != nil && plain(value) != "" && plain(value) != "[]" && plain(value) != "{}" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(w, "%s\t%s\n", name, plain(m[name]))
		}
		return w.Flush()
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "nothing there")
		return err
	}
	columns := v.columns
	if columns == nil {
		if m, ok := rows[0].(map[string]any); ok {
			for name := range m {
				columns = append(columns, name)
			}
			slices.Sort(columns)
		}
	}
	if columns == nil {
		return printJSON(out, answer)
	}
	fmt.Fprintln(w, strings.ToUpper(strings.Join(columns, "\t")))
	for _, r := range rows {
		m, _ := r.(map[string]any)
		cells := make([]string, len(columns))
		for i, name := range columns {
			cells[i] = shortened(plain(m[name]))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// plain is a value in one line, without what could move the cursor.
func plain(v any) string {
	var text string
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		text = v
	case json.Number, bool:
		return fmt.Sprint(v)
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		text = string(b)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

func shortened(s string) string {
	const most = 44
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
