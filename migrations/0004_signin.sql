-- Who may sign in, who has, who is invited; and what creating calls answered.
-- Nothing here lets anybody in by itself: passwords are argon2id hashes, of tokens
-- and invitations only hashes are kept.

-- +goose Up

CREATE TABLE passwords (
    user_id    text        PRIMARY KEY,
    hash       text        NOT NULL, -- argon2id with its parameters and salt
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL DEFAULT ''
);

CREATE TABLE sessions (
    token_hash bytea       PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    user_id    text        NOT NULL, -- '' for who signed in by the master key
    role       text        NOT NULL, -- the user's when it began
    method     text        NOT NULL,
    bound      text        NOT NULL DEFAULT '', -- of the master key: what must still be so
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE invitations (
    id_hash     bytea       PRIMARY KEY CHECK (octet_length(id_hash) = 32),
    user_id     text        NOT NULL,
    accepted_at timestamptz,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text        NOT NULL DEFAULT '',
    updated_at  timestamptz NOT NULL,
    updated_by  text        NOT NULL DEFAULT ''
);
CREATE INDEX invitations_user ON invitations (user_id);

-- A user's sessions end with whatever they rested on, in the same transaction,
-- whoever writes it.
-- +goose StatementBegin
CREATE FUNCTION purser_end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sessions WHERE user_id = OLD.id;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM passwords WHERE user_id = OLD.id;
        DELETE FROM invitations WHERE user_id = OLD.id;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER users_role_or_block AFTER UPDATE OF role, blocked ON users FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role OR OLD.blocked IS DISTINCT FROM NEW.blocked)
    EXECUTE FUNCTION purser_end_sessions();
CREATE TRIGGER users_gone AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION purser_end_sessions();

-- Answers of creating calls by their Idempotency-Key, sealed: an answer can hold a
-- new key, and only the caller has what opens it.
CREATE TABLE idempotency (
    id         bytea       PRIMARY KEY CHECK (octet_length(id) = 32), -- hash of caller and Idempotency-Key
    request    bytea       NOT NULL, -- hash of method, path and body
    state      text        NOT NULL, -- running, done (it is in force), answered
    status     int,
    reply      bytea,
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX idempotency_expires ON idempotency (expires_at);

-- +goose Down
DROP TABLE idempotency;
DROP TRIGGER users_gone ON users;
DROP TRIGGER users_role_or_block ON users;
DROP FUNCTION purser_end_sessions;
DROP TABLE invitations, sessions, passwords;
