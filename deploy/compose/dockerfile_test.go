package compose

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/purser/purser/envoy"
)

// instruction is one of a Dockerfile's, its lines joined.
type instruction struct {
	word string
	args []string
}

func dockerfile(t *testing.T) (out []instruction) {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	for line := range strings.Lines(joined) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			out = append(out, instruction{fields[0], fields[1:]})
		}
	}
	return out
}

func TestImagesArePinnedAndPlainlyNamed(t *testing.T) {
	var images []string
	stages := []string{"scratch"}
	for _, i := range dockerfile(t) {
		if i.word != "FROM" {
			continue
		}
		if !slices.Contains(stages, i.args[0]) {
			images = append(images, i.args[0])
		}
		if len(i.args) != 3 || i.args[1] != "AS" {
			t.Errorf("FROM %v: a stage without a name", i.args)
			continue
		}
		stages = append(stages, i.args[2])
	}
	for name, s := range load(t).Services {
		if s.Image != "" {
			images = append(images, s.Image)
		}
		if b := s.Build; b != nil && !slices.Contains(stages, b.Target) {
			t.Errorf("%s: there is no stage %q", name, b.Target)
		}
	}
	// A release, not a line of them: PostgreSQL's have two numbers.
	pinned := regexp.MustCompile(`^([a-z]+(/[a-z]+)?:(v|distroless-v)?\d+\.\d+\.\d+(-slim)?|postgres:\d+\.\d+)$`)
	for _, image := range images {
		if !pinned.MatchString(image) {
			t.Errorf("image %q: not a plain name with the version of one release", image)
		}
	}
	if want := "envoyproxy/envoy:distroless-v" + envoy.BinaryVersion; !slices.Contains(images, want) {
		t.Errorf("images %v: Envoy is not the one Purser is tested with, %s", images, want)
	}
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(goMod))[1]
	if !slices.ContainsFunc(images, func(image string) bool { return strings.HasPrefix(image, "golang:"+version+".") }) {
		t.Errorf("images %v: go.mod asks for Go %s", images, version)
	}
}

// What is copied must have been made: by the context, or by the stage it comes from.
func TestDockerfileCopiesWhatIsThere(t *testing.T) {
	built := map[string]bool{"/etc/ssl/certs/ca-certificates.crt": true}
	known := map[string]bool{}
	for _, i := range dockerfile(t) {
		switch i.word {
		case "FROM":
			known[i.args[len(i.args)-1]] = true
		case "RUN":
			for n, arg := range i.args {
				if strings.HasPrefix(arg, "./") {
					if found, err := filepath.Glob(filepath.Join(root, arg, "*.go")); err != nil || len(found) == 0 {
						t.Errorf("%s: no package of Go", arg)
					}
					built["/out/"+filepath.Base(arg)] = true
				}
				if arg == "mkdir" {
					built[i.args[n+2]] = true
				}
			}
			if slices.Contains(i.args, "go") && slices.Contains(i.args, "build") && !slices.Contains(i.args, "CGO_ENABLED=0") {
				t.Error("the programs are not static, and scratch has no libc")
			}
		case "COPY":
			args := slices.DeleteFunc(slices.Clone(i.args), func(a string) bool { return strings.HasPrefix(a, "--") })
			from := ""
			for _, a := range i.args {
				if stage, ok := strings.CutPrefix(a, "--from="); ok {
					from = stage
				}
			}
			for _, source := range args[:len(args)-1] {
				if from == "" {
					if _, err := os.Stat(filepath.Join(root, source)); err != nil {
						t.Errorf("COPY %s: %v", source, err)
					}
				} else if !known[from] || !built[source] {
					t.Errorf("COPY --from=%s %s: nobody made it", from, source)
				}
			}
		}
	}
}

func TestNoImageRunsAsRoot(t *testing.T) {
	parents, users := map[string]string{}, map[string]string{}
	stage := ""
	for _, i := range dockerfile(t) {
		switch i.word {
		case "FROM":
			stage = i.args[2]
			parents[stage] = i.args[0]
			users[stage] = users[i.args[0]]
		case "USER":
			users[stage] = i.args[0]
		}
	}
	for name, s := range load(t).Services {
		if s.Build == nil {
			continue // PostgreSQL's and Redis's own change to a user of theirs
		}
		if u := users[s.Build.Target]; u != "65532:65532" {
			t.Errorf("%s runs as %q", name, u)
		}
		from := s.Build.Target
		for parents[from] != "" {
			from = parents[from]
		}
		if from != "scratch" && !strings.Contains(from, "distroless") {
			t.Errorf("%s stands on %s, which has a shell", name, from)
		}
	}
}

// What a service is given it must know: a setting with a typing error is none.
func TestServicesKnowTheirSettings(t *testing.T) {
	configYAML, err := os.ReadFile(filepath.Join(root, "deploy/local/config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"extproc", "adminsvc"} {
		known := settings(t, filepath.Join(root, "cmd", service, "config.go"))
		given := load(t).Services[service].Environment
		for name := range given {
			if !slices.Contains(known, name) && !strings.Contains(string(configYAML), "os.environ/"+name) {
				t.Errorf("%s does not read %s", service, name)
			}
		}
		for _, name := range []string{"DATABASE_URL", "REDIS_URL", "CONFIG_FILE", "LISTEN_ADDR"} {
			if _, ok := given[name]; !ok || !slices.Contains(known, name) {
				t.Errorf("%s: %s is given: %v, known: %v", service, name, ok, slices.Contains(known, name))
			}
		}
	}
}

// settings are the env tags of a program's config struct.
func settings(t *testing.T, file string) (out []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if f, ok := n.(*ast.Field); ok && f.Tag != nil {
			name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("env"), ",")
			if name != "" {
				out = append(out, name)
			}
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("%s: no settings found", file)
	}
	return out
}
