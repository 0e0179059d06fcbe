package adminsvc

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"

	json "github.com/go-json-experiment/json"

	"github.com/purser/purser/policy"
)

// activityReply renders days; hashes are the keys that are told apart.
func (s *server) activityReply(ctx context.Context, a *activityScope, days []*activityDay, hashes []string, meta Object) (any, error) {
	keys, err := s.keyNames(ctx, hashes)
	if err != nil {
		return nil, err
	}
	names, err := s.entityNames(ctx, a.kind, entitiesOf(days))
	if err != nil {
		return nil, err
	}
	return writeActivity(days, keys, names, meta)
}

func entitiesOf(days []*activityDay) []string {
	seen := map[string]bool{}
	for _, d := range days {
		for id := range d.entities {
			seen[id] = true
		}
	}
	return sortedNames(seen)
}

// document is a reply that is not JSON.
type document struct {
	contentType string
	name        string // of the file it is saved as
	body        []byte
}

func (d *document) send(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(d.body)))
	w.WriteHeader(status)
	_, _ = w.Write(d.body) // the client left: nobody to tell
}

// exportActivity answers with one row per day and entity, and key, model or user where asked for.
func (s *server) exportActivity(ctx context.Context, c *Caller, a *activityScope, f *activityFilters) (any, error) {
	days, err := s.activity(ctx, c, a, f, 0)
	if err != nil {
		return nil, err
	}
	table, err := s.exportRows(ctx, a, days.newest(), f.ExportType.Or("daily"))
	if err != nil {
		return nil, err
	}
	if f.Format.Or("csv") == "json" {
		return table, nil
	}
	return csvOf(a.path+"_daily_activity", exportHead(a, f.ExportType.Or("daily")), table)
}

// exportHead names the columns.
func exportHead(a *activityScope, by string) []string {
	split := map[string][]string{
		"daily": {a.entity, "alias"}, "daily_with_models": {"model"},
		"daily_with_keys": {a.entity, "alias", "api_key", "key_alias"}, "daily_with_users": {a.entity, "alias", "user"},
	}
	out := append([]string{"date"}, split[by]...)
	for _, m := range exported(nil, &metrics{}) {
		out = append(out, m.Name)
	}
	return out
}

// exportRows are the rows of an export. Entities that a day has are split by what was asked for.
func (s *server) exportRows(ctx context.Context, a *activityScope, days []*activityDay, by string) ([]Object, error) {
	names, err := s.entityNames(ctx, a.kind, entitiesOf(days))
	if err != nil {
		return nil, err
	}
	keys := map[string]Object{}
	if by == "daily_with_keys" || by == "daily_with_users" {
		if keys, err = s.keyNames(ctx, sortedNames(keyTotals(days))); err != nil {
			return nil, err
		}
	}
	out := []Object{}
	for _, d := range days {
		if by == "daily_with_models" {
			for _, model := range sortedNames(d.groups) {
				out = append(out, exported(Object{{"date", d.day}, {"model", model}}, &d.groups[model].metrics))
			}
			continue
		}
		entities := d.entities
		if len(entities) == 0 {
			entities = map[string]*slice{"": {metrics: d.total, keys: d.keys}}
		}
		for _, id := range sortedNames(entities) {
			row := Object{{"date", d.day}, {a.entity, id}, {"alias", names[id].Get("alias")}}
			part := entities[id]
			switch by {
			case "daily_with_keys":
				for _, hash := range sortedNames(part.keys) {
					out = append(out, exported(append(slices.Clone(row), Member{"api_key", hash}, Member{"key_alias", keys[hash].Get("key_alias")}), part.keys[hash]))
				}
			case "daily_with_users":
				users := map[string]*metrics{}
				for hash, m := range part.keys {
					user, _ := keys[hash].Get("user_id").(string)
					if users[user] == nil {
						users[user] = &metrics{}
					}
					users[user].addAll(m)
				}
				for _, user := range sortedNames(users) {
					out = append(out, exported(append(slices.Clone(row), Member{"user", user}), users[user]))
				}
			default:
				out = append(out, exported(row, &part.metrics))
			}
		}
	}
	return out, nil
}

func exported(row Object, m *metrics) Object {
	return append(row, Object{{"spend", dollars(m.spend)}, {"api_requests", m.requests}, {"successful_requests", m.succeeded}, {"failed_requests", m.failed},
		{"total_tokens", m.tokens()}, {"prompt_tokens", m.input}, {"completion_tokens", m.output},
		{"cache_read_input_tokens", m.cacheRead}, {"cache_creation_input_tokens", m.cacheWrite}}...)
}

// csvOf writes rows of the same names as a table with a header. A text that a
// spreadsheet would run as a formula is quoted for it.
func csvOf(name string, head []string, table []Object) (*document, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(head) // a bytes.Buffer takes everything
	for _, row := range table {
		line := make([]string, len(row))
		for i, f := range row {
			switch v := f.Value.(type) {
			case nil:
			case string:
				if line[i] = v; v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
					line[i] = "'" + v
				}
			case int64:
				line[i] = strconv.FormatInt(v, 10)
			case policy.Money:
				line[i] = v.String()
			default:
				text, err := json.Marshal(v)
				if err != nil {
					return nil, err
				}
				line[i] = string(text)
			}
		}
		_ = w.Write(line)
	}
	w.Flush()
	return &document{contentType: "text/csv; charset=utf-8", name: name + ".csv", body: b.Bytes()}, w.Error()
}
