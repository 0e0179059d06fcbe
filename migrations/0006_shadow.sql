-- +goose Up
-- '' is a refusal, 'shadow' one that shadow mode kept from happening.
ALTER TABLE refusals ADD COLUMN mode text COLLATE "C" NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE refusals DROP COLUMN mode;
