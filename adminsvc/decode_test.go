package adminsvc

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

type sample struct {
	Body
	Text   Opt[string]            `json:"text"`
	Flag   Opt[bool]              `json:"flag"`
	Int    Opt[int64]             `json:"int"`
	Money  Opt[policy.Money]      `json:"money"`
	Time   Opt[time.Time]         `json:"time"`
	List   Opt[[]string]          `json:"list"`
	Counts Opt[map[string]int64]  `json:"counts"`
	Names  Opt[map[string]string] `json:"names"`
	Object Opt[Fields]            `json:"object"`
	Must   Opt[string]            `json:"must" required:"true"`
	Enum   Opt[string]            `json:"enum" enum:"a,b"`
	Budget Opt[budgetWindows]     `json:"budget"`
	Models Opt[modelBudgets]      `json:"models"`
	Not    Opt[Unenforced]        `json:"not"`
	Team   Opt[teamMembers]       `json:"team"`
}

func decodeSample(body string) (*sample, error) {
	in := &sample{}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	return in, decode(planOf(reflect.TypeFor[sample]()), r, reflect.ValueOf(in).Elem(), false)
}

// What a field reads, and as what it is kept.
func TestFieldsAreReadAsPydanticDoes(t *testing.T) {
	for _, c := range []struct{ field, value, kept string }{
		{"text", `"x"`, `"x"`}, {"text", `null`, `null`}, {"text", `"\u00e9"`, `"\u00e9"`},
		{"int", `10`, `10`}, {"int", `"10"`, `10`}, {"int", `" 10 "`, `10`}, {"int", `5.0`, `5`}, {"int", `1e3`, `1000`}, {"int", `0`, `0`}, {"int", `-1`, `-1`},
		{"int", `9223372036854775807`, `9223372036854775807`},
		{"flag", `true`, `true`}, {"flag", `"yes"`, `true`}, {"flag", `0`, `false`}, {"flag", `"OFF"`, `false`},
		{"money", `1`, `1`}, {"money", `1.0`, `1.0`}, {"money", `"1.5"`, `1.5`}, {"money", `1e-7`, `1e-7`}, {"money", `0.1`, `0.1`},
		{"time", `"2026-01-01T00:00:00Z"`, `"2026-01-01T00:00:00Z"`}, {"time", `"2026-01-01"`, `"2026-01-01"`},
		{"list", `[]`, `[]`}, {"list", `["b", "a"]`, `["b", "a"]`},
		{"counts", `{"m": 1}`, `{"m": 1}`}, {"counts", `{"m":"1"}`, `{"m":1}`},
		{"names", `{"a":"b"}`, `{"a":"b"}`},
		{"object", `{"b":1,"a":{"x":1.50}}`, `{"b":1,"a":{"x":1.50}}`},
		{"enum", `"a"`, `"a"`}, {"enum", `null`, `null`},
		{"budget", `[{"budget_duration":"1d","max_budget":10}]`, `[{"budget_duration":"1d","max_budget":10}]`},
		{"models", `{"gpt-4":5}`, `{"gpt-4":5}`}, {"models", `{"gpt-4":{"budget_limit":5,"time_period":"1d"}}`, `{"gpt-4":{"budget_limit":5,"time_period":"1d"}}`},
		{"not", `[]`, `[]`}, {"not", `{}`, `{}`}, {"not", `null`, `null`}, {"not", `""`, `""`}, {"not", `{"mcp_servers":[],"x":null}`, `{"mcp_servers":[],"x":null}`}, {"not", `false`, `false`},
		{"team", `{"role":"admin","user_id":"u"}`, `{"role":"admin","user_id":"u"}`}, {"team", `["u1"]`, `["u1"]`},
	} {
		in, err := decodeSample(`{"must":"x","` + c.field + `": ` + c.value + `,"unknown":{"deep":[1]}}`)
		if err != nil {
			t.Errorf("%s %s: %v", c.field, c.value, err)
			continue
		}
		if got, _ := in.Sent.Get(c.field); string(got) != c.kept {
			t.Errorf("%s %s is kept as %s, want %s", c.field, c.value, got, c.kept)
		}
		if has(in.Sent, "unknown") {
			t.Errorf("%s: an unknown field was kept", c.field)
		}
	}
}

// What a field refuses: pydantic's type, and where.
func TestWrongFieldsAreNamed(t *testing.T) {
	for _, c := range []struct{ field, value, typ, loc string }{
		{"text", `1`, "string_type", "[body text]"},
		{"int", `"x"`, "int_parsing", "[body int]"}, {"int", `1.5`, "int_from_float", "[body int]"}, {"int", `"1.5"`, "int_parsing", "[body int]"}, {"int", `true`, "int_type", "[body int]"},
		{"int", `9223372036854775808`, "int_parsing_size", "[body int]"}, {"int", `1e400`, "int_from_float", "[body int]"}, {"int", `2.5e-42`, "int_from_float", "[body int]"}, {"int", `1e-10`, "int_from_float", "[body int]"},
		{"int", `10.00000000001e1`, "int_from_float", "[body int]"}, {"int", `"xe1"`, "int_parsing", "[body int]"}, {"int", `[]`, "int_type", "[body int]"}, {"int", `"NaN"`, "int_parsing", "[body int]"},
		{"flag", `"maybe"`, "bool_parsing", "[body flag]"}, {"flag", `2`, "bool_parsing", "[body flag]"}, {"flag", `{}`, "bool_type", "[body flag]"},
		{"money", `"x"`, "float_parsing", "[body money]"}, {"money", `"NaN"`, "finite_number", "[body money]"}, {"money", `"-Infinity"`, "finite_number", "[body money]"},
		{"money", `1e300`, "less_than_equal", "[body money]"}, {"money", `true`, "float_type", "[body money]"},
		{"time", `"soon"`, "datetime_parsing", "[body time]"}, {"time", `5`, "datetime_type", "[body time]"},
		{"list", `"a"`, "list_type", "[body list]"}, {"list", `[1]`, "string_type", "[body list 0]"},
		{"list", `["a","` + strings.Repeat("x", 1025) + `"]`, "string_too_long", "[body list 1]"},
		{"counts", `[]`, "dict_type", "[body counts]"}, {"counts", `{"m":"x"}`, "int_parsing", "[body counts m]"},
		{"object", `[]`, "dict_type", "[body object]"},
		{"enum", `"c"`, "literal_error", "[body enum]"},
		{"must", `null`, "string_type", "[body must]"},
		{"budget", `[{"max_budget":1}]`, "missing", "[body budget 0 budget_duration]"}, {"budget", `{}`, "list_type", "[body budget]"},
		{"models", `{"gpt-4":"x"}`, "float_parsing", "[body models gpt-4]"}, {"models", `{"gpt-4":{"rpm_limit":"x"}}`, "int_parsing", "[body models gpt-4 rpm_limit]"},
		{"team", `[{"user_id":"u"}]`, "missing", "[body team 0 role]"}, {"team", `[{"role":"boss"}]`, "literal_error", "[body team 0 role]"},
	} {
		body := `{"must":"x","` + c.field + `": ` + c.value + `}`
		if c.field == "must" {
			body = `{"must":` + c.value + `}`
		}
		_, err := decodeSample(body)
		e, ok := err.(*Error)
		if !ok || e.Status != 422 {
			t.Errorf("%s %s: %v", c.field, c.value, err)
			continue
		}
		problems := e.Detail.([]any)
		first := problems[0].(Object)
		if loc := strings.ReplaceAll(strings.TrimSpace(sprint(first.Get("loc"))), ",", ""); first.Get("type") != c.typ || loc != c.loc || len(problems) != 1 {
			t.Errorf("%s %s: %v at %v (%d problems), want %s at %s", c.field, c.value, first.Get("type"), loc, len(problems), c.typ, c.loc)
		}
	}
}

// What is not a body at all, or not one thing.
func TestBrokenBodies(t *testing.T) {
	deep := strings.Repeat(`[`, 20000) + strings.Repeat(`]`, 20000)
	for _, c := range []struct {
		name, body string
		status     int
		param      string
	}{
		{"empty", ``, 422, ""}, {"not an object", `[1]`, 422, ""}, {"a text", `"x"`, 422, ""}, {"null", `null`, 422, ""},
		{"cut off", `{"must":`, 400, "must"}, {"cut off early", `{`, 400, "request_body"}, {"not JSON", `must=x`, 400, "request_body"}, {"trailing data", `{"must":"x"} {}`, 400, "request_body"},
		{"NaN", `{"must":"x","money":NaN}`, 400, "money"}, {"Infinity", `{"money":-Infinity}`, 400, "money"},
		{"a name twice", `{"must":"x","int":1,"int":2}`, 400, "int"},
		{"a name twice, escaped", `{"int":1,"\u0069nt":2}`, 400, "int"},
		{"a name twice, deep", `{"object":{"a":{"b":1,"b":2}}}`, 400, "object.a.b"},
		{"another case", `{"must":"x","Money":1}`, 400, "Money"},
		{"another case, deep", `{"must":"x","models":{"gpt-4":{"Max_Budget":1}}}`, 400, "models.gpt-4.Max_Budget"},
		{"invalid UTF-8", "{\"must\":\"\xff\"}", 400, "must"}, {"lone surrogate", `{"must":"\ud800"}`, 400, "must"},
		{"zero byte", `{"must":"x","object":{"a":"\u0000"}}`, 400, "object.a"},
		{"too deep", `{"object":` + deep + `}`, 400, ""},
		{"restricting", `{"must":"x","not":["a"]}`, 400, "not"}, {"restricting, deep", `{"must":"x","not":{"a":[{"b":[1]}]}}`, 400, "not"},
	} {
		_, err := decodeSample(c.body)
		e, ok := err.(*Error)
		if !ok || e.Status != c.status || c.name != "too deep" && e.Param != c.param {
			t.Errorf("%s: got %v, param %q; want %d %q", c.name, err, param(e), c.status, c.param)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"must":"`+strings.Repeat("x", maxBody)+`"}`))
	if err := decode(planOf(reflect.TypeFor[sample]()), r, reflect.ValueOf(&sample{}).Elem(), false); asError(err).Status != 413 {
		t.Errorf("over 16 MiB: %v", err)
	}
}

func param(e *Error) string {
	if e == nil {
		return ""
	}
	return e.Param
}

func sprint(v any) string {
	b := strings.Builder{}
	for i, step := range v.([]any) {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch s := step.(type) {
		case string:
			b.WriteString(s)
		case int:
			b.WriteString(itoa(int64(s)))
		}
	}
	return "[" + b.String() + "]"
}

// Every declared field of every endpoint is of a type the decoder reads.
func TestEveryFieldIsReadable(t *testing.T) {
	bare(Config{})
	checked := 0
	plans.Range(func(k, v any) bool {
		p := v.(*plan)
		zero := reflect.New(k.(reflect.Type)).Elem()
		for _, list := range [][]slot{p.body, p.query, p.path} {
			for _, s := range list {
				checked++
				if s.field(zero) == nil {
					t.Errorf("%v.%s is no Opt", k, s.name)
				} else if any := s.field(zero).schema(); any == nil {
					t.Errorf("%v.%s has no schema", k, s.name)
				}
			}
		}
		return true
	})
	if checked < 300 {
		t.Errorf("only %d fields were found", checked)
	}
}

// Whatever comes, reading it does not panic, and what is kept reads back the same.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"must":"x","money":"1.5","models":{"a":1},"team":[{"role":"user"}]}`, `{"budget":[{"budget_duration":"1d","max_budget":1e-3}]}`, `{"not":{"a":[]}}`, `{"int":1e5}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in, err := decodeSample(body)
		if err != nil {
			if s := asError(err).Status; s < 400 || s > 499 {
				t.Fatalf("%d for %q", s, body)
			}
			return
		}
		again, err := decodeStored[sample](storedFields(in.Sent.Stored()))
		if err != nil {
			t.Fatalf("%q is kept as %s, which is refused: %v", body, in.Sent.Stored(), err)
		}
		if string(again.Sent.Stored()) != string(in.Sent.Stored()) {
			t.Fatalf("%s reads back as %s", in.Sent.Stored(), again.Sent.Stored())
		}
	})
}
