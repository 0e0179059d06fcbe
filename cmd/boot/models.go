package boot

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/config"
)

// ModelsConfig says what the catalog is made of, and who is told.
type ModelsConfig struct {
	Directory *policy.Directory // holds the stored models, and gets the catalog
	File      *config.Config
	// Open opens what is sealed in a stored model; nil where credentials are not needed.
	Open func(id, text string) (string, error)
	// Reload reads the configuration file anew; nil: it is not watched.
	Reload func() (*config.Config, error)
	// OnFile is called with a new file before its models are in force. Its error keeps
	// the old file.
	OnFile func(*config.Config) error
	// OnChange is called with the deployments in force, whenever they may have changed.
	OnChange func([]*policy.Deployment)
	// Poll is how often the file is looked at; default 500 ms. Settle is how long it must
	// have stayed as it is before it is read; default Poll. Whoever sends requests waits
	// longer than whoever makes ready what they are sent to.
	Poll, Settle time.Duration
	Log          *slog.Logger
}

// Models keeps the catalog in force: the configuration file's deployments and those
// of the database, swapped whole whenever either changes.
type Models struct {
	cfg ModelsConfig

	reading sync.Mutex // held while a file is read and put in force

	mu   sync.Mutex
	file *config.Config
	made map[string]compiled // by id, for the file in force
}

// compiled is a stored model and what became of it.
type compiled struct {
	of   *policy.StoredModel
	made *config.Stored // nil: it cannot be served
}

// NewModels makes the catalog of the file alone; Rebuild adds what is stored.
func NewModels(cfg ModelsConfig) *Models {
	cfg.Poll = cmp.Or(cfg.Poll, 500*time.Millisecond)
	cfg.Settle = cmp.Or(cfg.Settle, cfg.Poll)
	if cfg.OnFile == nil {
		cfg.OnFile = func(*config.Config) error { return nil }
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func([]*policy.Deployment) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Models{cfg: cfg, file: cfg.File, made: map[string]compiled{}}
	cfg.Directory.SetCatalog(policy.NewCatalog(cfg.File.With(nil), cfg.File.Aliases))
	return m
}

// Rebuild makes the catalog anew from what the directory holds.
func (m *Models) Rebuild() {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[string]compiled{}
	var stored []*config.Stored
	for _, s := range m.cfg.Directory.Models() {
		c, known := m.made[s.ID]
		if !known || c.of != s {
			c = compiled{of: s}
			var err error
			if c.made, err = m.file.Compile(s, m.cfg.Open); err != nil {
				m.cfg.Log.Error("a stored model cannot be served and is left out", "id", s.ID, "model", s.Name, "error", err)
			}
			if m.file.Has(s.ID) {
				m.cfg.Log.Error("a stored model has the id of one of the configuration file, and is left out", "id", s.ID)
			}
		}
		next[s.ID] = c
		if c.made != nil {
			stored = append(stored, c.made)
		}
	}
	m.made = next
	deployments := m.file.With(stored)
	m.cfg.Directory.SetCatalog(policy.NewCatalog(deployments, m.file.Aliases))
	m.cfg.OnChange(deployments)
}

// Compile says what a stored model would be served as. Its error is a *policy.Invalid.
func (m *Models) Compile(s *policy.StoredModel) (*policy.Deployment, error) {
	m.mu.Lock()
	file := m.file
	m.mu.Unlock()
	if file.Has(s.ID) {
		return nil, &policy.Invalid{Field: "model_info.id", Message: "The configuration file has a model of this id"}
	}
	c, err := file.Compile(s, m.cfg.Open)
	if err != nil {
		return nil, err
	}
	return c.Deployment, nil
}

// InFile reports whether the configuration file has a deployment of this id.
func (m *Models) InFile(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.file.Has(id)
}

// Changed rebuilds where a change of the directory was one of models.
func (m *Models) Changed(changed []policy.Entity, gone []policy.Ref) {
	if slices.ContainsFunc(changed, func(e policy.Entity) bool { return e.Ref().Kind == policy.EntityModel }) ||
		slices.ContainsFunc(gone, func(r policy.Ref) bool { return r.Kind == policy.EntityModel }) {
		m.Rebuild()
	}
}

// Watch looks for a new configuration file until ctx ends. A file that cannot be used
// is logged, and the old one stays.
func (m *Models) Watch(ctx context.Context) {
	if m.cfg.Reload == nil || len(m.cfg.File.Files()) == 0 {
		return
	}
	tick := time.NewTicker(m.cfg.Poll)
	defer tick.Stop()
	// What was read may have been replaced since: stamps are of the time of reading.
	read := m.cfg.File.Files()
	last, since := read, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := stamped(read)
		if !slices.Equal(now, last) {
			last, since = now, time.Now()
		}
		if slices.Equal(now, read) || time.Since(since) < m.cfg.Settle {
			continue
		}
		fresh, err := m.reread()
		if err != nil {
			m.cfg.Log.Error("the new configuration file cannot be used; the old one stays in force", "error", err)
			read = now // it is said once
			continue
		}
		read = fresh.Files()
		last, since = read, time.Now()
		m.cfg.Log.Info("the configuration file was read anew", "deployments", len(fresh.Deployments))
	}
}

// stamped is the files as they are now.
func stamped(files []config.File) []config.File {
	out := make([]config.File, len(files))
	for i, f := range files {
		out[i] = config.File{Name: f.Name, Stamp: config.Stamp(f.Name)}
	}
	return out
}

// Reread reads the configuration anew though its file is the same: for new prices.
func (m *Models) Reread() {
	if _, err := m.reread(); err != nil {
		m.cfg.Log.Error("the configuration file cannot be used with new prices; the old ones stay in force", "error", err)
	}
}

// reread reads the file and puts it in force. One at a time: what was read first must
// not come over what was read later.
func (m *Models) reread() (*config.Config, error) {
	m.reading.Lock()
	defer m.reading.Unlock()
	fresh, err := m.cfg.Reload()
	if err == nil {
		err = m.replace(fresh)
	}
	return fresh, err
}

// replace puts another file in force.
func (m *Models) replace(file *config.Config) error {
	if err := m.cfg.OnFile(file); err != nil {
		return err
	}
	m.mu.Lock()
	m.file, m.made = file, map[string]compiled{}
	m.mu.Unlock()
	m.Rebuild()
	return nil
}
