-- Ids that are used again, and secrets that replace each other.

-- +goose Up

-- Whose spend begins anew: deleted_at is when what had the id was deleted last,
-- started_at since when what has it now counts (NULL: nothing has it).
CREATE TABLE spend_starts (
    scope_kind text COLLATE "C" NOT NULL, -- policy.ScopeKind's name
    scope_id   text COLLATE "C" NOT NULL,
    deleted_at timestamptz NOT NULL,
    started_at timestamptz,
    PRIMARY KEY (scope_kind, scope_id)
);
CREATE INDEX spend_starts_started ON spend_starts (started_at) WHERE started_at IS NOT NULL;

-- The key that took the place of one in its grace period, as which that one counts.
ALTER TABLE keys ADD COLUMN successor bytea;
ALTER TABLE deleted_keys ADD COLUMN successor bytea;
UPDATE keys SET successor = decode(fields->>'regenerated_as', 'hex') WHERE revoked_at IS NOT NULL AND fields->>'regenerated_as' IS NOT NULL;
CREATE INDEX keys_successor ON keys (successor) WHERE successor IS NOT NULL;

-- +goose Down
ALTER TABLE deleted_keys DROP COLUMN successor;
ALTER TABLE keys DROP COLUMN successor;
DROP TABLE spend_starts;
