-- Forgets up to `most` kept answers whose day is over; returns how many. Rows in use wait.
CREATE FUNCTION calls_forget(most integer DEFAULT 1000) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  forgotten integer;
BEGIN
  -- They are everybody's.
  IF current_setting('role') <> 'anneal_system' THEN
    RAISE EXCEPTION 'forgetting needs the system''s scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  WITH gone AS (
    DELETE FROM ledger_keyedcall WHERE id IN (
      SELECT c.id FROM ledger_keyedcall c WHERE c.expires_at < clock_timestamp()
      LIMIT most FOR UPDATE SKIP LOCKED)
    RETURNING 1)
  SELECT count(*) INTO forgotten FROM gone;
  RETURN forgotten;
END
$$;
