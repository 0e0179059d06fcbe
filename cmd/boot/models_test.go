package boot

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/config"
)

const oneModel = "general_settings: {master_key: sk-1234}\nmodel_list:\n- {model_name: first, litellm_params: {model: openai/x, api_key: k, api_base: http://a/v1}, model_info: {id: f1}}\n"

// world is a file, what is stored, and the catalog of both.
type world struct {
	t      *testing.T
	path   string
	models *Models
	d      *policy.Directory
	log    *lockedBuffer
	told   chan []string // ids, at each change
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) has(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Contains(b.b.Bytes(), []byte(text))
}

func newWorld(t *testing.T, change func(*ModelsConfig)) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "config.yaml"), log: &lockedBuffer{}, told: make(chan []string, 100)}
	w.write(oneModel)
	log := slog.New(slog.NewTextHandler(w.log, nil))
	load := func() (*config.Config, error) { return Load(Options{ConfigFile: w.path}, log) }
	file, err := load()
	if err != nil {
		t.Fatal(err)
	}
	w.d = policy.NewDirectory(policy.Settings{}.Compile(), nil)
	cfg := ModelsConfig{Directory: w.d, File: file, Reload: load, Log: log, Poll: time.Millisecond, OnChange: func(all []*policy.Deployment) {
		var ids []string
		for _, d := range all {
			ids = append(ids, d.ID)
		}
		w.told <- ids
	}}
	if change != nil {
		change(&cfg)
	}
	w.models = NewModels(cfg)
	return w
}

// write replaces the file as a careful editor does.
func (w *world) write(text string) {
	w.t.Helper()
	fresh := w.path + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(fresh, w.path); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) watch() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.models.Watch(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
}

func (w *world) wants(ids ...string) {
	w.t.Helper()
	select {
	case got := <-w.told:
		if !slices.Equal(got, ids) {
			w.t.Fatalf("in force are %q, want %q", got, ids)
		}
	case <-time.After(20 * time.Second):
		w.t.Fatal("nothing changed")
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func storedModel(id, params string) *policy.StoredModel {
	return &policy.StoredModel{ID: id, Name: "name-" + id, Params: []byte(params)}
}

func TestTheCatalogIsTheFileAndWhatIsStored(t *testing.T) {
	w := newWorld(t, nil)
	if names := w.d.Catalog().Names(); !slices.Equal(names, []string{"first"}) {
		t.Errorf("at first %q", names)
	}
	for _, m := range []*policy.StoredModel{
		storedModel("s1", `{"model":"openai/x"}`), storedModel("bad", `{"model":"nonsense"}`), storedModel("f1", `{"model":"openai/x"}`),
	} {
		w.d.Put(m)
	}
	w.models.Changed([]policy.Entity{&policy.Key{}}, nil) // no model: nothing happens
	w.models.Changed([]policy.Entity{storedModel("s1", "")}, nil)
	w.wants("f1", "s1")
	if _, ok := w.d.Catalog().Find("name-s1"); !ok || !w.log.has("id=bad") || !w.log.has("id=f1") {
		t.Error("not served, or what cannot be was not said")
	}
	w.d.Delete(policy.Ref{Kind: policy.EntityModel, ID: "s1"})
	w.models.Changed(nil, []policy.Ref{{Kind: policy.EntityModel, ID: "s1"}})
	w.wants("f1")

	_, err := w.models.Compile(storedModel("f1", `{"model":"openai/x"}`))
	var inv *policy.Invalid
	if !errors.As(err, &inv) || inv.Field != "model_info.id" || !w.models.InFile("f1") || w.models.InFile("s1") {
		t.Errorf("the id of one of the file's: %v", err)
	}
}

func TestANewFileTakesEffect(t *testing.T) {
	refuse := errors.New("not this one")
	var refused bool
	w := newWorld(t, func(c *ModelsConfig) {
		c.OnFile = func(f *config.Config) error {
			if f.MasterKey.Reveal() == "sk-refused" {
				refused = true
				return refuse
			}
			return nil
		}
	})
	w.d.Put(storedModel("s1", `{"model":"openai/x"}`))
	w.models.Rebuild()
	w.wants("f1", "s1")
	w.watch()
	second := oneModel + "- {model_name: second, litellm_params: {model: openai/y, api_key: k, api_base: http://a/v1}, model_info: {id: f2}}\n"
	w.write(second)
	w.wants("f1", "f2", "s1")
	w.write("model_list: 7\n")
	eventually(t, "word of a bad file", func() bool { return w.log.has("the old one stays in force") })
	w.write("general_settings: {master_key: sk-refused}\n")
	eventually(t, "word of a refused file", func() bool { return w.log.has("not this one") })
	if len(w.told) > 0 || !refused || len(w.d.Catalog().Names()) != 3 {
		t.Error("a file that cannot be used has changed something")
	}
	w.write(oneModel)
	w.wants("f1", "s1")
	// What it includes is watched as well.
	more := filepath.Join(filepath.Dir(w.path), "more.yaml")
	if err := os.WriteFile(more, []byte("model_list: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.write("include: [more.yaml]\n" + oneModel)
	w.wants("f1", "s1")
	if err := os.WriteFile(more, []byte("model_list:\n- {model_name: third, litellm_params: {model: openai/y, api_key: k, api_base: http://a/v1}, model_info: {id: f3}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.wants("f1", "f3", "s1")
}

// A provider's credential in a file of its own, as secrets are mounted, is changed there without a restart.
func TestACredentialInAFileIsChangedThere(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "key")
	put := func(s string) {
		t.Helper()
		if err := os.WriteFile(secret+".new", []byte(s+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(secret+".new", secret); err != nil {
			t.Fatal(err)
		}
	}
	put("pk-before")
	t.Setenv("BOOT_TEST_KEY_FILE", secret)
	w := newWorld(t, nil)
	w.watch()
	w.write(strings.Replace(oneModel, "api_key: k", "api_key: os.environ/BOOT_TEST_KEY", 1))
	credential := func() string {
		m, ok := w.d.Catalog().Find("first")
		if !ok {
			return ""
		}
		return m.Deployments[0].Credential.Reveal()
	}
	eventually(t, "the file's credential", func() bool { return credential() == "pk-before" })
	put("pk-after")
	eventually(t, "its successor", func() bool { return credential() == "pk-after" })
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "word of the missing file", func() bool { return w.log.has("BOOT_TEST_KEY_FILE") })
	if credential() != "pk-after" || w.log.has("pk-") {
		t.Error("the old credential is gone, or in the log")
	}
}

// A file that is written while the one before it is put in force, here by that itself,
// is not taken for the one that was read.
func TestAFileWrittenWhileItIsReadTakesEffect(t *testing.T) {
	third := "model_list:\n- {model_name: third, litellm_params: {model: openai/y, api_key: k, api_base: http://a/v1}, model_info: {id: f3}}\n"
	var w *world
	wrote := false
	w = newWorld(t, func(c *ModelsConfig) {
		c.OnFile = func(*config.Config) error {
			if wrote {
				return nil
			}
			wrote = true
			return os.WriteFile(filepath.Join(filepath.Dir(w.path), "more.yaml"), []byte(third), 0o600)
		}
	})
	if err := os.WriteFile(filepath.Join(filepath.Dir(w.path), "more.yaml"), []byte("model_list: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.write("include: [more.yaml]\n" + oneModel)
	w.watch() // what NewModels was given is not the file any more
	w.wants("f1")
	w.wants("f1", "f3")
}
