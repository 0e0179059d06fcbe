-- +goose Up
-- The limits that a request met when it was admitted, as policy.Marks writes them. A column
-- that may be NULL is added without touching the rows.
ALTER TABLE spend_logs ADD COLUMN limits text;

-- +goose Down
ALTER TABLE spend_logs DROP COLUMN limits;
