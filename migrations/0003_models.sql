-- Deployments that are kept here rather than in config.yaml.

-- +goose Up

-- An entry of model_list. What is secret in `params` is sealed (policy/seal); the
-- documented fields are those that people may see, secrets masked.
CREATE TABLE models (
    id         text        PRIMARY KEY,
    name       text,
    params     json,
    info       json,
    blocked    boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL
);
CREATE INDEX models_name ON models (name, id);
CREATE INDEX models_created_at ON models (created_at, id);

-- +goose Down
DROP TABLE models;
