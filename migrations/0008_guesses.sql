-- +goose Up
-- How often somebody may still guess a password, over all servers: a bucket per account
-- and address, of which only hashes are kept.
CREATE TABLE guesses (
    id        bytea       PRIMARY KEY CHECK (octet_length(id) = 32),
    remaining double precision NOT NULL,
    denied    boolean     NOT NULL DEFAULT false, -- whether the last one was
    at        timestamptz NOT NULL
);
CREATE INDEX guesses_at ON guesses (at);

-- +goose Down
DROP TABLE guesses;
