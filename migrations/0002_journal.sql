-- The journal's rows, their sums, and the counts of what was refused.
-- Money is nano-USD. An id or name that a request did not have is NULL in
-- spend_logs (a bit, not bytes, in millions of rows) and '' in the sums. Ids compare
-- byte by byte (COLLATE "C"): most of the writer's time goes into comparing them.

-- +goose Up

-- One row per request that was admitted, and per adjustment. Partitioned by the
-- day (UTC) of reserved_at: the writer makes the partitions, retention drops them.
CREATE TABLE spend_logs (
    day               date        NOT NULL,
    call_id           text COLLATE "C" NOT NULL,
    type              text COLLATE "C" NOT NULL,
    source            smallint    NOT NULL, -- policy.UsageSource: of two entries the lower one stays
    reserved_at       timestamptz NOT NULL,
    started_at        timestamptz NOT NULL,
    first_byte_at     timestamptz,
    ended_at          timestamptz,
    request_id        text COLLATE "C",
    session_id        text COLLATE "C",
    upstream_id       text COLLATE "C",
    key_hash          text COLLATE "C",
    key_alias         text COLLATE "C",
    user_id           text COLLATE "C",
    team_id           text COLLATE "C",
    team_alias        text,
    project_id        text COLLATE "C",
    project_alias     text,
    organization_id   text COLLATE "C",
    customer_id       text COLLATE "C",
    tags              text[],
    call_type         text,
    route             text COLLATE "C",
    model_asked       text COLLATE "C",
    model_group       text COLLATE "C",
    model             text COLLATE "C",
    deployment        text COLLATE "C",
    provider          text COLLATE "C",
    api_base          text,
    attempts          int,
    stream            boolean     NOT NULL,
    status            text COLLATE "C" NOT NULL,
    http_status       int,
    error             text,
    spend             bigint      NOT NULL,
    cost_input        bigint,
    cost_output       bigint,
    cost_cache_read   bigint,
    cost_cache_write  bigint,
    cost_reasoning    bigint,
    cost_other        bigint,
    input             bigint      NOT NULL,
    output            bigint      NOT NULL,
    cached            bigint,
    cache_write_5m    bigint,
    cache_write_1h    bigint,
    reasoning         bigint,
    usage_more        json,                 -- policy.Usage, where a request used more than the columns tell
    client_ip         text,
    user_agent        text,
    clamped           bigint,
    adjusted_kind     text COLLATE "C",
    adjusted_id       text COLLATE "C",
    PRIMARY KEY (call_id, day)
) PARTITION BY RANGE (day);
-- The listing goes by the start; sums over a part of an hour go by the reservation.
CREATE INDEX spend_logs_started ON spend_logs (started_at);
CREATE INDEX spend_logs_reserved ON spend_logs USING brin (reserved_at) WITH (pages_per_range = 16);
CREATE INDEX spend_logs_request ON spend_logs (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX spend_logs_session ON spend_logs (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX spend_logs_key ON spend_logs (key_hash, reserved_at) WHERE key_hash IS NOT NULL;
CREATE INDEX spend_logs_user ON spend_logs (user_id, reserved_at) WHERE user_id IS NOT NULL;
CREATE INDEX spend_logs_team ON spend_logs (team_id, reserved_at) WHERE team_id IS NOT NULL;
CREATE INDEX spend_logs_project ON spend_logs (project_id, reserved_at) WHERE project_id IS NOT NULL;
CREATE INDEX spend_logs_customer ON spend_logs (customer_id, reserved_at) WHERE customer_id IS NOT NULL;

-- Sums by hour (UTC, of reserved_at) of every combination of dimensions that
-- occurred. `combination` is a hash of all dimensions but the hour: an index over
-- them all would be larger than the table. `adjusted` is the kind of scope an
-- adjustment was made to, '' for requests: it counts for that scope alone.
CREATE TABLE spend_hourly (
    hour            timestamptz NOT NULL,
    combination     uuid        NOT NULL,
    adjusted        text COLLATE "C" NOT NULL DEFAULT '',
    key_hash        text COLLATE "C" NOT NULL DEFAULT '',
    user_id         text COLLATE "C" NOT NULL DEFAULT '',
    team_id         text COLLATE "C" NOT NULL DEFAULT '',
    project_id      text COLLATE "C" NOT NULL DEFAULT '',
    organization_id text COLLATE "C" NOT NULL DEFAULT '',
    customer_id     text COLLATE "C" NOT NULL DEFAULT '',
    model_asked     text COLLATE "C" NOT NULL DEFAULT '',
    model_group     text COLLATE "C" NOT NULL DEFAULT '',
    model           text COLLATE "C" NOT NULL DEFAULT '',
    provider        text COLLATE "C" NOT NULL DEFAULT '',
    route           text COLLATE "C" NOT NULL DEFAULT '',
    spend           bigint      NOT NULL,
    input           bigint      NOT NULL,
    output          bigint      NOT NULL,
    cache_read      bigint      NOT NULL,
    cache_write     bigint      NOT NULL,
    requests        bigint      NOT NULL,
    succeeded       bigint      NOT NULL,
    failed          bigint      NOT NULL,
    millis          bigint      NOT NULL,
    PRIMARY KEY (hour, combination)
) WITH (fillfactor = 70); -- room for updates in place: no index holds a sum
CREATE INDEX spend_hourly_key ON spend_hourly (key_hash, hour) WHERE key_hash <> '';
CREATE INDEX spend_hourly_user ON spend_hourly (user_id, hour) WHERE user_id <> '';
CREATE INDEX spend_hourly_team ON spend_hourly (team_id, hour) WHERE team_id <> '';
CREATE INDEX spend_hourly_project ON spend_hourly (project_id, hour) WHERE project_id <> '';
CREATE INDEX spend_hourly_organization ON spend_hourly (organization_id, hour) WHERE organization_id <> '';
CREATE INDEX spend_hourly_customer ON spend_hourly (customer_id, hour) WHERE customer_id <> '';

-- The same by tag: a request with three tags is in three rows, so they cannot be
-- a dimension above.
CREATE TABLE spend_hourly_tag (
    hour        timestamptz NOT NULL,
    combination uuid        NOT NULL,
    adjusted    text COLLATE "C" NOT NULL DEFAULT '',
    tag         text COLLATE "C" NOT NULL,
    key_hash    text COLLATE "C" NOT NULL DEFAULT '',
    model_asked text COLLATE "C" NOT NULL DEFAULT '',
    model_group text COLLATE "C" NOT NULL DEFAULT '',
    model       text COLLATE "C" NOT NULL DEFAULT '',
    provider    text COLLATE "C" NOT NULL DEFAULT '',
    route       text COLLATE "C" NOT NULL DEFAULT '',
    spend       bigint      NOT NULL,
    input       bigint      NOT NULL,
    output      bigint      NOT NULL,
    cache_read  bigint      NOT NULL,
    cache_write bigint      NOT NULL,
    requests    bigint      NOT NULL,
    succeeded   bigint      NOT NULL,
    failed      bigint      NOT NULL,
    millis      bigint      NOT NULL,
    PRIMARY KEY (hour, combination)
) WITH (fillfactor = 70);
CREATE INDEX spend_hourly_tag_tag ON spend_hourly_tag (tag, hour);

-- Sums over all time of every scope: model '' is all models together, the others
-- the public name that was called.
CREATE TABLE spend_totals (
    scope_kind text COLLATE "C" NOT NULL, -- policy.ScopeKind's name
    scope_id   text COLLATE "C" NOT NULL,
    model      text COLLATE "C" NOT NULL,
    spend      bigint NOT NULL,
    input      bigint NOT NULL,
    output     bigint NOT NULL,
    requests   bigint NOT NULL,
    PRIMARY KEY (scope_kind, scope_id, model)
) WITH (fillfactor = 70);

CREATE TABLE refusals (
    minute      timestamptz NOT NULL,
    combination uuid        NOT NULL,
    key_hash    text COLLATE "C" NOT NULL DEFAULT '',
    team_id     text COLLATE "C" NOT NULL DEFAULT '',
    project_id  text COLLATE "C" NOT NULL DEFAULT '',
    code        text COLLATE "C" NOT NULL DEFAULT '',
    scope_kind  text COLLATE "C" NOT NULL DEFAULT '',
    scope_id    text COLLATE "C" NOT NULL DEFAULT '',
    kind        text COLLATE "C" NOT NULL DEFAULT '',
    model       text COLLATE "C" NOT NULL DEFAULT '',
    count       bigint      NOT NULL,
    sample      json,
    PRIMARY KEY (minute, combination)
) WITH (fillfactor = 70);
CREATE INDEX refusals_key ON refusals (key_hash, minute) WHERE key_hash <> '';
CREATE INDEX refusals_team ON refusals (team_id, minute) WHERE team_id <> '';
CREATE INDEX refusals_project ON refusals (project_id, minute) WHERE project_id <> '';

-- +goose Down
DROP TABLE refusals, spend_totals, spend_hourly_tag, spend_hourly, spend_logs;
