package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/seal"
)

// withStored are the deployments of a configuration and those that the API has added: what
// the services make of both. Without a database (url "") they are the configuration's. Credentials are opened where
// they are needed: in a configuration that holds them.
func withStored(ctx context.Context, cfg *config.Config, url string, credentials bool, log *slog.Logger) ([]*policy.Deployment, error) {
	if url == "" {
		return cfg.Deployments, nil
	}
	store, err := postgres.Open(ctx, postgres.Config{URL: url, Name: "purser-envoy-config", Log: log})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	models, _, err := policy.List[*policy.StoredModel](ctx, store, policy.Query{Kind: policy.EntityModel})
	if err != nil {
		return nil, fmt.Errorf("the models in the database (--database-url= goes without them): %w", err)
	}
	var open func(id, text string) (string, error)
	if credentials {
		box, err := seal.New(os.Getenv("SALT_KEY"), os.Getenv("LITELLM_SALT_KEY"), cfg.MasterKey.Reveal())
		if err != nil {
			return nil, err
		}
		open = box.Open
	}
	var stored []*config.Stored
	for _, m := range models {
		made, err := cfg.Compile(m, open)
		switch {
		case cfg.Has(m.ID):
			log.Warn("a stored model has the id of one of the configuration file, and is left out", "id", m.ID)
		case err != nil:
			log.Warn("a stored model cannot be served and is left out", "id", m.ID, "model", m.Name, "err", err)
		default:
			stored = append(stored, made)
		}
	}
	return cfg.With(stored), nil
}
