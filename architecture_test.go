// Package purser_test asserts which way imports go, with the reason for each edge
// that must not be.
package purser_test

import (
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/purser/purser/"

// edge is one import: of a file in a folder of this module. Imports of the module's
// own packages are named by their folder, "./policy".
type edge struct{ file, to string }

func (e edge) folder() string { return "./" + path.Dir(e.file) }

// rule forbids the packages of a folder, and of those below it, to import others.
type rule struct {
	in     string   // "./extproc": it and all below; "./policy!": it alone
	except []string // folders and files the rule does not bind
	not    []string // what must not be imported, and all below it; "*" is everything but the standard library
	reach  bool     // nor by way of other packages of this module
	why    string
}

var (
	stores = []string{"./policy/postgres", "./policy/redis", "github.com/jackc/pgx", "github.com/redis/go-redis", "database/sql"}
	protos = []string{"github.com/envoyproxy/go-control-plane", "google.golang.org/protobuf"}
)

var rules = []rule{
	{in: "./policy!", not: []string{"*"},
		why: "the domain reads like the product's description and changes with it alone: the standard library is all it knows"},
	{in: "./policy", not: []string{"./extproc", "./adminsvc", "./envoy", "./deploy"}, reach: true,
		why: "policy is what everything stands on: it knows neither the proxy nor the API in front of it"},
	{in: "./extproc", not: []string{"./adminsvc"}, reach: true,
		why: "the data plane must run and be deployed without the admin service"},
	{in: "./adminsvc", not: []string{"./extproc"}, reach: true,
		why: "the admin service must run and be deployed without the data plane"},
	{in: "./extproc", not: stores, reach: true,
		why: "no request waits on a store's client: the data plane knows policy.Ledger and policy.Directory, and cmd hands it implementations"},
	{in: "./adminsvc", not: stores, reach: true,
		why: "handlers know policy.Store, so that they are tested without a database and outlive a change of it"},
	{in: "./extproc", not: []string{"./policy/"},
		why: "technologies are chosen in cmd, in one place"},
	{in: "./adminsvc", not: []string{"./policy/"},
		why: "technologies are chosen in cmd, in one place"},
	{in: "./envoy", not: []string{"./extproc", "./adminsvc", "./policy/"}, reach: true,
		why: "Envoy's configuration is built from values, by whoever needs it"},
	{in: ".", except: []string{"./extproc/reply.go", "./extproc/server.go", "./extproc/codec.go", "./extproc/codec_read.go", "./extproc/codec_write.go", "./extproc/codec_note.go", "./envoy"}, not: protos,
		why: "Envoy's protocol has two doors, extproc/reply.go and extproc/server.go, and the codec that reads and writes their bytes: everything behind them is plain Go, and a new Envoy API touches two files"},
	{in: ".", except: []string{"./cmd"}, not: []string{"./cmd"},
		why: "cmd wires the parts together and is the last to know"},
	{in: "./migrations", not: []string{"*"},
		why: "migrations are SQL and the code that embeds it"},
}

// technologies are what a package below policy may import besides policy and what
// is below itself; what is not listed may import nothing else.
var technologies = map[string][]string{
	"./policy/config":   {"go.yaml.in/yaml", "github.com/go-json-experiment/json", "./policy/pricemap"},
	"./policy/outage":   {"./policy/memory"}, // counts there while the shared ledger is away
	"./policy/postgres": {"github.com/jackc", "github.com/pressly/goose", "github.com/fergusstrange/embedded-postgres", "golang.org/x/sys", "./migrations"},
	"./policy/pricemap": {"github.com/go-json-experiment/json"},
	"./policy/redis":    {"github.com/redis/go-redis", "./policy/codec"},
	"./policy/spool":    {"golang.org/x/sys", "./policy/codec"},
}

// Names of API formats outside of the one package that knows them are how a new format comes to touch the whole house.
func TestFormatsAreToldApartInOnePlace(t *testing.T) {
	allowed := []string{"extproc/dialect/", "policy/config/", "policy/model.go", "policy/policytest/", "cmd/purser/bench/"} // who speaks, what a provider speaks, the names
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != "." || d.Name() == "node_modules") {
			return cmp.Or(err, fs.SkipDir)
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(filepath.ToSlash(file), p) }) {
			return nil
		}
		text, err := os.ReadFile(file)
		if found := formatName.FindString(string(text)); found != "" {
			t.Errorf("%s tells formats apart by %s: give dialect.Endpoint a field instead, which the format's file fills in", file, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var formatName = regexp.MustCompile(`policy\.Format[A-Z]\w+`)

// under reports whether a path is a folder or below it; with a final slash, only
// below it.
func under(name, folder string) bool {
	return folder == "." || name == folder || strings.HasPrefix(name, strings.TrimSuffix(folder, "/")+"/")
}

// standard reports whether an import is of the standard library.
func standard(to string) bool {
	first, _, _ := strings.Cut(to, "/")
	return !strings.Contains(first, ".")
}

func (r rule) binds(e edge) bool {
	file := "./" + e.file
	if slices.ContainsFunc(r.except, func(x string) bool { return under(file, x) }) {
		return false
	}
	if alone, ok := strings.CutSuffix(r.in, "!"); ok {
		return e.folder() == alone
	}
	return under(e.folder(), r.in)
}

func (r rule) forbids(to string) bool {
	return slices.ContainsFunc(r.not, func(x string) bool { return x == "*" && !standard(to) || under(to, x) })
}

// violations lists what breaks the rules, each with its reason.
func violations(edges []edge) []string {
	own := map[string][]edge{} // by folder
	for _, e := range edges {
		own[e.folder()] = append(own[e.folder()], e)
	}
	var out []string
	for _, r := range rules {
		for _, e := range edges {
			if !r.binds(e) {
				continue
			}
			if r.forbids(e.to) {
				out = append(out, fmt.Sprintf("%s imports %s\n\tbut %s", e.file, e.to, r.why))
			} else if r.reach {
				if way := r.way(own, e.to, map[string]bool{}); way != nil {
					out = append(out, fmt.Sprintf("%s imports %s\n\tbut %s", e.file, strings.Join(append([]string{e.to}, way...), ", which imports "), r.why))
				}
			}
		}
	}
	for _, e := range edges {
		parts := strings.SplitN(e.file, "/", 3)
		if parts[0] != "policy" || len(parts) < 3 || standard(e.to) || e.to == "./policy" {
			continue
		}
		folder := "./policy/" + parts[1]
		if !under(e.to, folder) && !slices.ContainsFunc(technologies[folder], func(x string) bool { return under(e.to, x) }) {
			out = append(out, fmt.Sprintf("%s imports %s\n\tbut a package below policy knows policy and one technology, named in this test, so that each can be replaced by itself", e.file, e.to))
		}
	}
	return out
}

// way is how a package of this module reaches what the rule forbids.
func (r rule) way(own map[string][]edge, folder string, seen map[string]bool) []string {
	if seen[folder] {
		return nil
	}
	seen[folder] = true
	for _, e := range own[folder] {
		if r.forbids(e.to) {
			return []string{e.to}
		}
		if way := r.way(own, e.to, seen); way != nil {
			return append([]string{e.to}, way...)
		}
	}
	return nil
}

// read lists the imports of all of the module's code, tests aside: those may put
// together what they need.
func read(t *testing.T) []edge {
	t.Helper()
	var edges []edge
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if below, ok := strings.CutPrefix(to, module); ok {
				to = "./" + below
			}
			edges = append(edges, edge{filepath.ToSlash(name), to})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return edges
}

func TestImportDirection(t *testing.T) {
	edges := read(t)
	if len(edges) < 100 {
		t.Fatalf("only %d imports found: is this the module's root?", len(edges))
	}
	for _, v := range violations(edges) {
		t.Error(v)
	}
}

// Each rule catches what it is for, and lets pass what is meant to be.
func TestImportRulesCatch(t *testing.T) {
	for _, c := range []struct {
		caught bool
		edges  []edge
	}{
		{true, []edge{{"policy/key.go", "github.com/jackc/pgx/v5"}}},
		{true, []edge{{"policy/key.go", "./policy/memory"}}},
		{false, []edge{{"policy/key.go", "encoding/json"}}},
		{true, []edge{{"policy/memory/ledger.go", "./extproc"}}},
		{true, []edge{{"policy/memory/ledger.go", "./policy/redis"}}},
		{true, []edge{{"policy/memory/ledger.go", "github.com/redis/go-redis/v9"}}},
		{true, []edge{{"policy/novel/x.go", "github.com/novel/thing"}}},
		{false, []edge{{"policy/redis/ledger.go", "github.com/redis/go-redis/v9"}, {"policy/redis/ledger.go", "./policy"}, {"policy/redis/redistest/x.go", "./policy/redis"}}},
		{true, []edge{{"extproc/server.go", "./adminsvc"}}},
		{true, []edge{{"extproc/dialect/x.go", "./adminsvc/ui"}}},
		{true, []edge{{"adminsvc/server.go", "./extproc"}}},
		{true, []edge{{"adminsvc/server.go", "./helper"}, {"helper/x.go", "./other"}, {"other/x.go", "./extproc/sse"}}},
		{true, []edge{{"extproc/server.go", "github.com/redis/go-redis/v9"}}},
		{true, []edge{{"adminsvc/keys.go", "github.com/jackc/pgx/v5/pgxpool"}}},
		{true, []edge{{"adminsvc/keys.go", "database/sql"}}},
		{true, []edge{{"adminsvc/keys.go", "./policy/postgres"}}},
		{true, []edge{{"extproc/server.go", "./helper"}, {"helper/x.go", "./policy/postgres"}}},
		{true, []edge{{"extproc/server.go", "./policy/memory"}}},
		{true, []edge{{"envoy/listener.go", "./policy/config"}}},
		{true, []edge{{"extproc/exchange.go", "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"}}},
		{true, []edge{{"policy/redis/x.go", "google.golang.org/protobuf/proto"}}},
		{true, []edge{{"cmd/extproc/main.go", "google.golang.org/protobuf/proto"}}},
		{false, []edge{{"extproc/reply.go", "google.golang.org/protobuf/proto"}, {"extproc/server.go", "github.com/envoyproxy/go-control-plane/envoy"}, {"envoy/envoytest/x.go", "google.golang.org/protobuf/proto"}}},
		{true, []edge{{"extproc/server.go", "./cmd/boot"}}},
		{false, []edge{{"cmd/extproc/main.go", "./cmd/boot"}, {"cmd/extproc/main.go", "./policy/redis"}, {"cmd/extproc/main.go", "./extproc"}, {"cmd/purser/main.go", "./adminsvc"}}},
		{false, []edge{{"extproc/server.go", "./policy"}, {"adminsvc/server.go", "./policy"}, {"envoy/x.go", "./policy"}, {"extproc/server.go", "./extproc/sse"}}},
		{true, []edge{{"migrations/embed.go", "./policy"}}},
	} {
		if got := violations(c.edges); (len(got) > 0) != c.caught {
			t.Errorf("%v: %q", c.edges, got)
		}
	}
}
