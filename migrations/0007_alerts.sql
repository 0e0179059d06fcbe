-- +goose Up
-- What webhooks are told of budgets, each once: the key says of which window.
CREATE TABLE alerts (
    key        text COLLATE "C" NOT NULL,
    webhook    text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    payload    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    next_at    timestamptz NOT NULL DEFAULT now(), -- when it is sent, or sent again
    failures   int         NOT NULL DEFAULT 0,
    problem    text        NOT NULL DEFAULT '',
    sent_at    timestamptz,
    PRIMARY KEY (key, webhook)
);
CREATE INDEX alerts_unsent ON alerts (next_at) WHERE sent_at IS NULL;

-- +goose Down
DROP TABLE alerts;
