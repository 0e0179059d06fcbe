-- Sums by day, so that a month of a team is as many rows as it has keys, models and
-- days, however many hours and customers it had.

-- +goose Up

-- As spend_hourly, by the day (UTC) and without customers. A day's sums are in four
-- quarters of six hours, _0 to _3: another time zone's day is made of quarters and at
-- most three hours at either end. What customers are adjusted by is not in it.
CREATE TABLE spend_daily (
    day             date NOT NULL,
    combination     uuid NOT NULL, -- of all the dimensions, as in spend_hourly
    adjusted        text COLLATE "C" NOT NULL DEFAULT '',
    key_hash        text COLLATE "C" NOT NULL DEFAULT '',
    user_id         text COLLATE "C" NOT NULL DEFAULT '',
    team_id         text COLLATE "C" NOT NULL DEFAULT '',
    project_id      text COLLATE "C" NOT NULL DEFAULT '',
    organization_id text COLLATE "C" NOT NULL DEFAULT '',
    model_asked     text COLLATE "C" NOT NULL DEFAULT '',
    model_group     text COLLATE "C" NOT NULL DEFAULT '',
    model           text COLLATE "C" NOT NULL DEFAULT '',
    provider        text COLLATE "C" NOT NULL DEFAULT '',
    route           text COLLATE "C" NOT NULL DEFAULT '',
    spend_0 bigint NOT NULL DEFAULT 0, input_0 bigint NOT NULL DEFAULT 0, output_0 bigint NOT NULL DEFAULT 0, cache_read_0 bigint NOT NULL DEFAULT 0, cache_write_0 bigint NOT NULL DEFAULT 0, requests_0 bigint NOT NULL DEFAULT 0, succeeded_0 bigint NOT NULL DEFAULT 0, failed_0 bigint NOT NULL DEFAULT 0, millis_0 bigint NOT NULL DEFAULT 0,
    spend_1 bigint NOT NULL DEFAULT 0, input_1 bigint NOT NULL DEFAULT 0, output_1 bigint NOT NULL DEFAULT 0, cache_read_1 bigint NOT NULL DEFAULT 0, cache_write_1 bigint NOT NULL DEFAULT 0, requests_1 bigint NOT NULL DEFAULT 0, succeeded_1 bigint NOT NULL DEFAULT 0, failed_1 bigint NOT NULL DEFAULT 0, millis_1 bigint NOT NULL DEFAULT 0,
    spend_2 bigint NOT NULL DEFAULT 0, input_2 bigint NOT NULL DEFAULT 0, output_2 bigint NOT NULL DEFAULT 0, cache_read_2 bigint NOT NULL DEFAULT 0, cache_write_2 bigint NOT NULL DEFAULT 0, requests_2 bigint NOT NULL DEFAULT 0, succeeded_2 bigint NOT NULL DEFAULT 0, failed_2 bigint NOT NULL DEFAULT 0, millis_2 bigint NOT NULL DEFAULT 0,
    spend_3 bigint NOT NULL DEFAULT 0, input_3 bigint NOT NULL DEFAULT 0, output_3 bigint NOT NULL DEFAULT 0, cache_read_3 bigint NOT NULL DEFAULT 0, cache_write_3 bigint NOT NULL DEFAULT 0, requests_3 bigint NOT NULL DEFAULT 0, succeeded_3 bigint NOT NULL DEFAULT 0, failed_3 bigint NOT NULL DEFAULT 0, millis_3 bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, combination)
) WITH (fillfactor = 70); -- room for updates in place: no index holds a sum
CREATE INDEX spend_daily_key ON spend_daily (key_hash, day) WHERE key_hash <> '';
CREATE INDEX spend_daily_user ON spend_daily (user_id, day) WHERE user_id <> '';
CREATE INDEX spend_daily_team ON spend_daily (team_id, day) WHERE team_id <> '';
CREATE INDEX spend_daily_project ON spend_daily (project_id, day) WHERE project_id <> '';
CREATE INDEX spend_daily_organization ON spend_daily (organization_id, day) WHERE organization_id <> '';

CREATE TABLE spend_daily_tag (
    day         date NOT NULL,
    combination uuid NOT NULL,
    adjusted    text COLLATE "C" NOT NULL DEFAULT '',
    tag         text COLLATE "C" NOT NULL,
    key_hash    text COLLATE "C" NOT NULL DEFAULT '',
    model_asked text COLLATE "C" NOT NULL DEFAULT '',
    model_group text COLLATE "C" NOT NULL DEFAULT '',
    model       text COLLATE "C" NOT NULL DEFAULT '',
    provider    text COLLATE "C" NOT NULL DEFAULT '',
    route       text COLLATE "C" NOT NULL DEFAULT '',
    spend_0 bigint NOT NULL DEFAULT 0, input_0 bigint NOT NULL DEFAULT 0, output_0 bigint NOT NULL DEFAULT 0, cache_read_0 bigint NOT NULL DEFAULT 0, cache_write_0 bigint NOT NULL DEFAULT 0, requests_0 bigint NOT NULL DEFAULT 0, succeeded_0 bigint NOT NULL DEFAULT 0, failed_0 bigint NOT NULL DEFAULT 0, millis_0 bigint NOT NULL DEFAULT 0,
    spend_1 bigint NOT NULL DEFAULT 0, input_1 bigint NOT NULL DEFAULT 0, output_1 bigint NOT NULL DEFAULT 0, cache_read_1 bigint NOT NULL DEFAULT 0, cache_write_1 bigint NOT NULL DEFAULT 0, requests_1 bigint NOT NULL DEFAULT 0, succeeded_1 bigint NOT NULL DEFAULT 0, failed_1 bigint NOT NULL DEFAULT 0, millis_1 bigint NOT NULL DEFAULT 0,
    spend_2 bigint NOT NULL DEFAULT 0, input_2 bigint NOT NULL DEFAULT 0, output_2 bigint NOT NULL DEFAULT 0, cache_read_2 bigint NOT NULL DEFAULT 0, cache_write_2 bigint NOT NULL DEFAULT 0, requests_2 bigint NOT NULL DEFAULT 0, succeeded_2 bigint NOT NULL DEFAULT 0, failed_2 bigint NOT NULL DEFAULT 0, millis_2 bigint NOT NULL DEFAULT 0,
    spend_3 bigint NOT NULL DEFAULT 0, input_3 bigint NOT NULL DEFAULT 0, output_3 bigint NOT NULL DEFAULT 0, cache_read_3 bigint NOT NULL DEFAULT 0, cache_write_3 bigint NOT NULL DEFAULT 0, requests_3 bigint NOT NULL DEFAULT 0, succeeded_3 bigint NOT NULL DEFAULT 0, failed_3 bigint NOT NULL DEFAULT 0, millis_3 bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, combination)
) WITH (fillfactor = 70);
CREATE INDEX spend_daily_tag_tag ON spend_daily_tag (tag, day);

-- What failed is listed without reading all that did not, and counted without reading it.
CREATE INDEX spend_logs_failed ON spend_logs (started_at) INCLUDE (status, type, day) WHERE status <> 'success';

-- What adds hours (rows of spend_hourly or spend_hourly_tag, and a sign) to the days.
-- +goose StatementBegin
CREATE FUNCTION spend_daily_sql(hourly text, hours text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    target  text := replace(hourly, 'hourly', 'daily');
    dims    text[] := CASE hourly WHEN 'spend_hourly' THEN
        '{adjusted,key_hash,user_id,team_id,project_id,organization_id,model_asked,model_group,model,provider,route}'::text[] ELSE
        '{adjusted,tag,key_hash,model_asked,model_group,model,provider,route}' END;
    names   text;
    sums    text;
    sets    text;
    parts   text;
    hash    text;
BEGIN
    SELECT string_agg(c, ', ' ORDER BY c), string_agg(format('coalesce(sum(%s) FILTER (WHERE quarter = %s), 0)::bigint', m, q), ', ' ORDER BY c),
        string_agg(format('%1$s = %2$s.%1$s + excluded.%1$s', c, target), ', ' ORDER BY c), string_agg(format('sum(sign * %1$s)::bigint AS %1$s', m), ', ') FILTER (WHERE q = 0)
    INTO names, sums, sets, parts
    FROM unnest('{spend,input,output,cache_read,cache_write,requests,succeeded,failed,millis}'::text[]) AS m, generate_series(0, 3) AS q, LATERAL (SELECT m || '_' || q AS c) AS named;
    SELECT string_agg(format('int4send(octet_length(%1$s)) || convert_to(%1$s, ''UTF8'')', d), ' || ' ORDER BY n) INTO hash FROM unnest(dims) WITH ORDINALITY AS t(d, n);
    RETURN format('INSERT INTO %1$s (day, combination, %2$s, %3$s)
        SELECT day, encode(substring(sha256(%4$s) FOR 16), ''hex'')::uuid AS combination, %2$s, %5$s
        FROM (SELECT (hour AT TIME ZONE ''UTC'')::date AS day, extract(hour FROM hour AT TIME ZONE ''UTC'')::int / 6 AS quarter, %2$s, %8$s
            FROM (%6$s) AS h WHERE adjusted <> ''customer'' GROUP BY 1, 2, %2$s) AS quarters
        GROUP BY day, %2$s ORDER BY day, combination
        ON CONFLICT (day, combination) DO UPDATE SET %7$s', target, array_to_string(dims, ', '), names, hash, sums, hours, sets, parts);
END $$;
-- +goose StatementEnd

-- Programs of before this schema write hours alone; the days follow them here. Those
-- that write both say so: two writers of this one could meet crosswise.
-- +goose StatementBegin
CREATE FUNCTION spend_daily_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE spend_daily_sql(TG_ARGV[0], CASE TG_OP WHEN 'INSERT' THEN 'SELECT 1 AS sign, * FROM fresh'
        ELSE 'SELECT 1 AS sign, * FROM fresh UNION ALL SELECT -1, * FROM stale' END);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER daily_insert AFTER INSERT ON spend_hourly REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly');
CREATE TRIGGER daily_update AFTER UPDATE ON spend_hourly REFERENCING NEW TABLE AS fresh OLD TABLE AS stale FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly');
CREATE TRIGGER daily_insert AFTER INSERT ON spend_hourly_tag REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly_tag');
CREATE TRIGGER daily_update AFTER UPDATE ON spend_hourly_tag REFERENCING NEW TABLE AS fresh OLD TABLE AS stale FOR EACH STATEMENT
    WHEN (current_setting('purser.daily', true) IS DISTINCT FROM 'written') EXECUTE FUNCTION spend_daily_follow('spend_hourly_tag');

-- The triggers above keep writers out until this is done.
-- +goose StatementBegin
DO $$
BEGIN
    PERFORM set_config('work_mem', '256MB', true);
    EXECUTE spend_daily_sql('spend_hourly', 'SELECT 1 AS sign, * FROM spend_hourly');
    EXECUTE spend_daily_sql('spend_hourly_tag', 'SELECT 1 AS sign, * FROM spend_hourly_tag');
END $$;
-- +goose StatementEnd
ANALYZE spend_daily, spend_daily_tag;

-- +goose Down
DROP TRIGGER daily_insert ON spend_hourly;
DROP TRIGGER daily_update ON spend_hourly;
DROP TRIGGER daily_insert ON spend_hourly_tag;
DROP TRIGGER daily_update ON spend_hourly_tag;
DROP INDEX spend_logs_failed;
DROP FUNCTION spend_daily_follow, spend_daily_sql;
DROP TABLE spend_daily, spend_daily_tag;
