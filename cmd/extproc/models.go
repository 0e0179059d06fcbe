package main

import (
	"time"

	"github.com/purser/purser/cmd/boot"
	"github.com/purser/purser/policy"
	fileconfig "github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/seal"
)

// settle is how long a new config.yaml must have stayed as it is before it is in force
// here: adminsvc reads it sooner, so that Envoy knows a model's cluster before
// requests are sent there.
const settle = 3 * time.Second

// newModels makes the catalog, and keeps it.
func (s *service) newModels(opts boot.Options, file *fileconfig.Config, settings *policy.Settings) error {
	cfg := boot.ModelsConfig{
		Directory: s.directory, File: file, Settle: settle, Log: s.log,
		OnFile: func(fresh *fileconfig.Config) error {
			next, err := boot.Settings(fresh, opts, settings.Started)
			if err == nil {
				s.directory.SetSettings(next)
				s.unseeded.Store(true) // a limit of the whole proxy may be new
			}
			return err
		},
	}
	cfg.Reload = func() (*fileconfig.Config, error) { return boot.Load(opts, s.log) }
	if s.cfg.InjectCredentials {
		box, err := seal.New(s.cfg.SaltKey, s.cfg.LiteLLMSaltKey, file.MasterKey.Reveal())
		if err != nil {
			return err
		}
		cfg.Open = box.Open
	}
	s.models = boot.NewModels(cfg)
	return nil
}
