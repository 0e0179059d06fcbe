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
	read, post, patch, put, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
)

// manageCommands are the subcommands of managed.
func manageCommands() (out []command) {
	briefs := map[string]string{
		"key": "virtual keys", "team": "teams", "project": "projects", "user": "internal users", "org": "organizations", "customer": "end users", "budget": "shared budgets",
		"model": "models", "spend": "what was spent", "limits": "every limit in force for a key", "simulate": "what would become of a call, and why", "refusals": "why calls were refused", "audit": "who changed what",
		"tag": "tags that calls carry", "access-group": "models under a name", "settings": "what the UI shows, and what new users and teams get", "usage": "what was used, by day",
	}
	for _, name := range []string{"key", "team", "project", "user", "org", "customer", "budget", "model", "tag", "access-group", "settings", "usage", "spend", "limits", "simulate", "refusals", "audit"} {
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
	if before, rest, hole := strings.Cut(path, "{"); hole {
		field, after, _ := strings.Cut(rest, "}")
		id, _ := fields[field].(string)
		if id == "" {
			return usageError{"which one? " + field + " is missing"}
		}
		path = before + url.PathEscape(id) + after
		delete(fields, field)
	}
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
	listFields = []string{"models", "tags", "allowed_routes", "allowed_ips", "keys", "key_aliases", "team_ids", "user_ids", "project_ids", "organization_ids", "team_member_permissions", "names",
		"access_model_names", "assigned_team_ids", "assigned_key_ids", "enabled_ui_pages_internal_users"}
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
