-- The entities, the log of their changes, and who applied them.
--
-- Of every entity the columns are what is enforced or filtered; `fields` are the
-- documented fields as they were sent, json and not jsonb so that order and
-- spelling survive. An absent id is NULL, an empty list '{}', no limits NULL.
-- `revision` is the change that wrote the row.

-- +goose Up

-- One row. Its value is the last committed change; whoever raises it holds the
-- writers' advisory lock, so that numbers have no gaps and their order is commit order.
CREATE TABLE revision (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch uuid    NOT NULL DEFAULT gen_random_uuid(), -- of this database: what was copied from another is not continued
    value bigint  NOT NULL
);
INSERT INTO revision (value) VALUES (0);

CREATE TABLE changes (
    revision bigint      PRIMARY KEY,
    kind     text        NOT NULL,
    id       text        NOT NULL,
    deleted  boolean     NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX changes_at ON changes USING brin (at);

-- Who follows the changes, how far each has applied them, and when it last said so.
CREATE TABLE replicas (
    id       text        PRIMARY KEY,
    kind     text        NOT NULL,
    revision bigint      NOT NULL,
    seen_at  timestamptz NOT NULL
);

CREATE TABLE keys (
    hash               bytea       PRIMARY KEY CHECK (octet_length(hash) = 32),
    name               text,
    alias              text,
    user_id            text,
    team_id            text,
    project_id         text,
    organization_id    text,
    models             text[]      NOT NULL DEFAULT '{}',
    limits             json,
    budget_id          text,
    aliases            json,
    allowed_routes     text[]      NOT NULL DEFAULT '{}',
    allowed_ips        text[]      NOT NULL DEFAULT '{}',
    tags               text[]      NOT NULL DEFAULT '{}',
    customer_budget_id text,
    blocked            boolean     NOT NULL DEFAULT false,
    expires            timestamptz,
    revoked_at         timestamptz,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    created_by         text,
    updated_by         text,
    fields             json,
    revision           bigint      NOT NULL
);
-- A regenerated key's predecessor keeps its alias through its grace period.
CREATE UNIQUE INDEX keys_alias_unique ON keys (alias) WHERE revoked_at IS NULL;
CREATE INDEX keys_alias ON keys (alias, hash);
CREATE INDEX keys_created_at ON keys (created_at, hash);
CREATE INDEX keys_updated_at ON keys (updated_at, hash);
CREATE INDEX keys_user ON keys (user_id, created_at) WHERE user_id IS NOT NULL;
CREATE INDEX keys_team ON keys (team_id, created_at) WHERE team_id IS NOT NULL;
CREATE INDEX keys_project ON keys (project_id, created_at) WHERE project_id IS NOT NULL;
CREATE INDEX keys_organization ON keys (organization_id, created_at) WHERE organization_id IS NOT NULL;
CREATE INDEX keys_created_by ON keys (created_by, created_at) WHERE created_by IS NOT NULL;
CREATE INDEX keys_budget ON keys (budget_id) WHERE budget_id IS NOT NULL;
CREATE INDEX keys_customer_budget ON keys (customer_budget_id) WHERE customer_budget_id IS NOT NULL;
CREATE INDEX keys_expires ON keys (expires) WHERE expires IS NOT NULL;
CREATE INDEX keys_revoked_at ON keys (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX keys_blocked ON keys (created_at) WHERE blocked;

CREATE TABLE teams (
    id              text        PRIMARY KEY,
    alias           text,
    organization_id text,
    models          text[]      NOT NULL DEFAULT '{}',
    limits          json,
    budget_id       text,
    aliases         json,
    blocked         boolean     NOT NULL DEFAULT false,
    members         jsonb       NOT NULL DEFAULT '[]',
    member_limits   json,
    member_models   text[]      NOT NULL DEFAULT '{}',
    tags            text[]      NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    created_by      text,
    updated_by      text,
    fields          json,
    revision        bigint      NOT NULL
);
CREATE INDEX teams_alias ON teams (alias, id);
CREATE INDEX teams_created_at ON teams (created_at, id);
CREATE INDEX teams_organization ON teams (organization_id, created_at) WHERE organization_id IS NOT NULL;
CREATE INDEX teams_budget ON teams (budget_id) WHERE budget_id IS NOT NULL;
CREATE INDEX teams_members ON teams USING gin (members jsonb_path_ops);

CREATE TABLE memberships (
    team_id    text        NOT NULL,
    user_id    text        NOT NULL,
    role       text,
    models     text[]      NOT NULL DEFAULT '{}',
    limits     json,
    budget_id  text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);
CREATE INDEX memberships_budget ON memberships (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE projects (
    id         text        PRIMARY KEY,
    alias      text,
    team_id    text,
    models     text[]      NOT NULL DEFAULT '{}',
    limits     json,
    budget_id  text,
    blocked    boolean     NOT NULL DEFAULT false,
    tags       text[]      NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL
);
CREATE INDEX projects_alias ON projects (alias, id);
CREATE INDEX projects_created_at ON projects (created_at, id);
CREATE INDEX projects_team ON projects (team_id, created_at) WHERE team_id IS NOT NULL;
CREATE INDEX projects_budget ON projects (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE organizations (
    id         text        PRIMARY KEY,
    alias      text,
    models     text[]      NOT NULL DEFAULT '{}',
    limits     json,
    budget_id  text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL
);
CREATE INDEX organizations_alias ON organizations (alias, id);
CREATE INDEX organizations_created_at ON organizations (created_at, id);
CREATE INDEX organizations_budget ON organizations (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE organization_members (
    organization_id text        NOT NULL,
    user_id         text        NOT NULL,
    role            text,
    models          text[]      NOT NULL DEFAULT '{}',
    limits          json,
    budget_id       text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    created_by      text,
    updated_by      text,
    fields          json,
    revision        bigint      NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX organization_members_user ON organization_members (user_id);
CREATE INDEX organization_members_budget ON organization_members (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE users (
    id         text        PRIMARY KEY,
    alias      text,
    email      text,
    role       text,
    models     text[]      NOT NULL DEFAULT '{}',
    limits     json,
    budget_id  text,
    blocked    boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL
);
CREATE INDEX users_alias ON users (alias, id);
CREATE INDEX users_email ON users (email, id);
CREATE INDEX users_email_folded ON users (lower(email));
CREATE INDEX users_role ON users (role, created_at) WHERE role IS NOT NULL;
CREATE INDEX users_created_at ON users (created_at, id);
CREATE INDEX users_budget ON users (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE customers (
    id            text        PRIMARY KEY,
    alias         text,
    models        text[]      NOT NULL DEFAULT '{}',
    limits        json,
    budget_id     text,
    default_model text,
    blocked       boolean     NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    created_by    text,
    updated_by    text,
    fields        json,
    revision      bigint      NOT NULL
);
CREATE INDEX customers_alias ON customers (alias, id);
CREATE INDEX customers_created_at ON customers (created_at, id);
CREATE INDEX customers_budget ON customers (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE budgets (
    id         text        PRIMARY KEY,
    models     text[]      NOT NULL DEFAULT '{}',
    limits     json,
    budget_id  text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL
);
CREATE INDEX budgets_created_at ON budgets (created_at, id);

CREATE TABLE tags (
    name       text        PRIMARY KEY,
    models     text[]      NOT NULL DEFAULT '{}',
    limits     json,
    budget_id  text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL
);
CREATE INDEX tags_created_at ON tags (created_at, name);

CREATE TABLE access_groups (
    id         text        PRIMARY KEY,
    name       text,
    models     text[]      NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text,
    updated_by text,
    fields     json,
    revision   bigint      NOT NULL
);
CREATE UNIQUE INDEX access_groups_name_unique ON access_groups (name);
CREATE INDEX access_groups_created_at ON access_groups (created_at, id);

-- What was deleted, whole. The same id may have been deleted more than once.
CREATE TABLE deleted_keys (
    LIKE keys,
    deletion   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deleted_at timestamptz NOT NULL,
    deleted_by text
);
CREATE INDEX deleted_keys_hash ON deleted_keys (hash);
CREATE INDEX deleted_keys_created_at ON deleted_keys (created_at, hash);
CREATE INDEX deleted_keys_team ON deleted_keys (team_id, created_at) WHERE team_id IS NOT NULL;
CREATE INDEX deleted_keys_user ON deleted_keys (user_id, created_at) WHERE user_id IS NOT NULL;

CREATE TABLE deleted_teams (
    LIKE teams,
    deletion   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deleted_at timestamptz NOT NULL,
    deleted_by text
);
CREATE INDEX deleted_teams_id ON deleted_teams (id);
CREATE INDEX deleted_teams_created_at ON deleted_teams (created_at, id);

-- Who changed what: the documented fields before and after, without secrets.
CREATE TABLE audit_log (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL,
    changed_by     text        NOT NULL DEFAULT '',
    changed_by_key text        NOT NULL DEFAULT '',
    action         text        NOT NULL, -- created, updated, deleted
    kind           text        NOT NULL,
    object_id      text        NOT NULL,
    before         json,
    after          json
);
CREATE INDEX audit_log_at ON audit_log (at, id);
CREATE INDEX audit_log_object ON audit_log (object_id, at);
CREATE INDEX audit_log_changed_by ON audit_log (changed_by, at);

CREATE TABLE settings (
    key        text        PRIMARY KEY,
    value      json        NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text        NOT NULL DEFAULT ''
);

-- +goose Down
DROP TABLE settings, audit_log, deleted_teams, deleted_keys, access_groups, tags, budgets, customers, users,
    organization_members, organizations, projects, memberships, teams, keys, replicas, changes, revision;
