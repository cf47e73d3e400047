-- Begins and ends grants that are due in balances nobody touches, of everybody or of one
-- organization, `only_of`; returns how many balances changed. Rows in use are left to whoever uses them. A grant
-- that has ended while a hold pins it waits for the hold: its balance would be due every time, and
-- enough of those would leave the others no turn.
CREATE FUNCTION ledger_sweep(
  most integer DEFAULT 1000, business_now timestamptz DEFAULT NULL, only_of uuid DEFAULT NULL
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  today timestamptz := coalesce(business_now, clock_timestamp());
  due record;
  swept integer := 0;
BEGIN
  -- With a date of the caller's choice this would end everybody's grants.
  IF current_setting('role') <> 'anneal_system' THEN
    RAISE EXCEPTION 'the sweep needs the system''s scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  FOR due IN
    SELECT b.organization_id, b.unit FROM ledger_balance b
    WHERE b.next_change_at <= today AND (only_of IS NULL OR b.organization_id = only_of) AND EXISTS (
      SELECT FROM ledger_grant g
      WHERE g.organization_id = b.organization_id AND g.unit = b.unit
        AND CASE WHEN g.active
              THEN g.expires_at <= today
                   AND g.amount > g.held + g.consumed + g.expired + g.voided
              ELSE g.effective_at <= today AND g.amount > g.voided END)
    ORDER BY b.organization_id, b.unit LIMIT most FOR UPDATE OF b SKIP LOCKED
  LOOP
    PERFORM balance_refresh(due.organization_id, due.unit, today);
    swept := swept + 1;
  END LOOP;
  RETURN swept;
END
$$;
