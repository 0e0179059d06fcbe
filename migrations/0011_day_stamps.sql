-- When a day's sums last changed, so that who has them in memory knows whether they
-- are still what they were.

-- +goose Up

-- A day (UTC) has another stamp after every transaction that changed its sums by hour;
-- one that is not here has not changed since this table was made.
CREATE TABLE spend_day_stamps (
    day   date PRIMARY KEY,
    stamp uuid NOT NULL
) WITH (fillfactor = 10); -- a few rows, updated in place all the time

-- Programs of before this schema do not write stamps: they follow here. Those that do
-- say so, as they said that they write the days.
-- +goose StatementBegin
CREATE FUNCTION spend_day_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spend_day_stamps (day, stamp) SELECT day, gen_random_uuid() FROM (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM fresh) AS days ORDER BY day
        ON CONFLICT (day) DO UPDATE SET stamp = excluded.stamp;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER stamp_insert AFTER INSERT ON spend_hourly REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'stamped') EXECUTE FUNCTION spend_day_stamp();
CREATE TRIGGER stamp_update AFTER UPDATE ON spend_hourly REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'stamped') EXECUTE FUNCTION spend_day_stamp();
CREATE TRIGGER stamp_insert AFTER INSERT ON spend_hourly_tag REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'stamped') EXECUTE FUNCTION spend_day_stamp();
CREATE TRIGGER stamp_update AFTER UPDATE ON spend_hourly_tag REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'stamped') EXECUTE FUNCTION spend_day_stamp();

-- Who stamps days writes them as well.
DROP TRIGGER daily_insert ON spend_hourly;
DROP TRIGGER daily_update ON spend_hourly;
DROP TRIGGER daily_insert ON spend_hourly_tag;
DROP TRIGGER daily_update ON spend_hourly_tag;
CREATE TRIGGER daily_insert AFTER INSERT ON spend_hourly REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (coalesce(current_setting('purser.daily', true), '') NOT IN ('written', 'stamped')) EXECUTE FUNCTION spend_daily_follow('spend_hourly');
CREATE TRIGGER daily_update AFTER UPDATE ON spend_hourly REFERENCING NEW TABLE AS fresh OLD TABLE AS stale FOR EACH STATEMENT
    WHEN (coalesce(current_setting('purser.daily', true), '') NOT IN ('written', 'stamped')) EXECUTE FUNCTION spend_daily_follow('spend_hourly');
CREATE TRIGGER daily_insert AFTER INSERT ON spend_hourly_tag REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (coalesce(current_setting('purser.daily', true), '') NOT IN ('written', 'stamped')) EXECUTE FUNCTION spend_daily_follow('spend_hourly_tag');
CREATE TRIGGER daily_update AFTER UPDATE ON spend_hourly_tag REFERENCING NEW TABLE AS fresh OLD TABLE AS stale FOR EACH STATEMENT
    WHEN (coalesce(current_setting('purser.daily', true), '') NOT IN ('written', 'stamped')) EXECUTE FUNCTION spend_daily_follow('spend_hourly_tag');

-- +goose Down
DROP TRIGGER stamp_insert ON spend_hourly;
DROP TRIGGER stamp_update ON spend_hourly;
DROP TRIGGER stamp_insert ON spend_hourly_tag;
DROP TRIGGER stamp_update ON spend_hourly_tag;
DROP TRIGGER daily_insert ON spend_hourly;
DROP TRIGGER daily_update ON spend_hourly;
DROP TRIGGER daily_insert ON spend_hourly_tag;
DROP TRIGGER daily_update ON spend_hourly_tag;
CREATE TRIGGER daily_insert AFTER INSERT ON spend_hourly REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly');
CREATE TRIGGER daily_update AFTER UPDATE ON spend_hourly REFERENCING NEW TABLE AS fresh OLD TABLE AS stale FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly');
CREATE TRIGGER daily_insert AFTER INSERT ON spend_hourly_tag REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly_tag');
CREATE TRIGGER daily_update AFTER UPDATE ON spend_hourly_tag REFERENCING NEW TABLE AS fresh OLD TABLE AS stale FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly_tag');
DROP FUNCTION spend_day_stamp;
DROP TABLE spend_day_stamps;
