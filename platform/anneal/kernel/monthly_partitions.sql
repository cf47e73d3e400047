-- Adds the month of `day` to {table} and moves there what waited in {table}_rest; true when it
-- is new. It makes a table, so it runs with its owner's rights; it takes no name from its caller.
-- What writes to the table goes on meanwhile, unless it reads {table}_rest.
CREATE FUNCTION {table}_month(day date) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
  first timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
  next timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
  child text := '{table}_' || to_char(day, '"y"YYYY"m"MM');
  low uuid := rpad(lpad(to_hex((extract(epoch FROM first) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
  high uuid := rpad(lpad(to_hex((extract(epoch FROM next) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
BEGIN
  IF day IS NULL OR day < date '1970-01-01' OR day > date '9000-01-01' THEN
    RAISE EXCEPTION 'no month has the day %', day USING ERRCODE = 'datetime_field_overflow';
  END IF;
  IF to_regclass('public.' || child) IS NOT NULL THEN RETURN false; END IF;
  PERFORM pg_advisory_xact_lock(7261003);
  IF to_regclass('public.' || child) IS NOT NULL THEN RETURN false; END IF;
  LOCK TABLE {table}_rest IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('CREATE TABLE %I (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS'
                 ' INCLUDING INDEXES)', child);
  -- Row level security binds the owner too. Nobody sees this moment: the table is locked.
  ALTER TABLE {table}_rest NO FORCE ROW LEVEL SECURITY;
  EXECUTE format('INSERT INTO %I SELECT * FROM {table}_rest WHERE id >= $1 AND id < $2', child)
    USING low, high;
  DELETE FROM {table}_rest WHERE id >= low AND id < high;
  ALTER TABLE {table}_rest FORCE ROW LEVEL SECURITY;
{closed}
  EXECUTE format('ALTER TABLE {table} ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                 child, low, high);
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION {table}_month(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {table}_month(date) TO anneal_system;
