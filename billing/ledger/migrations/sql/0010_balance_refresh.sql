-- Begins and ends the grants of one balance that are due: a grant begins at effective_at; at
-- expires_at what is neither consumed nor held of it becomes breakage, and what a hold still pins
-- follows when the hold is settled. A new grant begins a cycle of thresholds, over what is then
-- available; an end may reach some, since what was used is then more of what counts. The caller
-- holds the balance's row lock.
CREATE OR REPLACE FUNCTION balance_refresh(
  organization uuid, of_unit text, business_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  begun record;
  ended record;
BEGIN
  WITH changed AS (
    UPDATE ledger_grant SET active = true
    WHERE organization_id = organization AND unit = of_unit
      AND NOT active AND amount > voided AND effective_at <= business_now
    RETURNING id, amount)
  SELECT array_agg(anneal_uuid7()) AS journals, array_agg(id) AS grants,
         array_agg(-amount) AS amounts, sum(amount) AS total
  INTO begun FROM changed;

  WITH due AS (
    SELECT id, amount - held - consumed - expired - voided AS rest FROM ledger_grant
    WHERE organization_id = organization AND unit = of_unit AND active
      AND expires_at <= business_now AND amount > held + consumed + expired + voided
  ), changed AS (
    UPDATE ledger_grant g SET expired = g.expired + due.rest FROM due WHERE g.id = due.id
    RETURNING g.id, due.rest)
  SELECT array_agg(anneal_uuid7()) AS journals, array_agg(id) AS grants,
         array_agg(rest) AS amounts, sum(rest) AS total
  INTO ended FROM changed;

  IF begun.total IS NOT NULL THEN
    PERFORM ledger_post('grant', 'issued', begun.journals, begun.grants, begun.amounts,
                        array_fill(NULL::uuid, ARRAY[cardinality(begun.grants)]), business_now);
  END IF;
  IF ended.total IS NOT NULL THEN
    PERFORM ledger_post('expiry', 'breakage', ended.journals, ended.grants, ended.amounts,
                        array_fill(NULL::uuid, ARRAY[cardinality(ended.grants)]), business_now);
  END IF;

  UPDATE ledger_balance SET
    granted = granted + coalesce(begun.total, 0),
    expired = expired + coalesce(ended.total, 0),
    next_change_at = (
      SELECT min(CASE WHEN active THEN expires_at ELSE effective_at END) FROM ledger_grant
      WHERE organization_id = organization AND unit = of_unit
        AND amount > consumed + expired + voided)
  WHERE organization_id = organization AND unit = of_unit;
  IF begun.total IS NOT NULL THEN
    UPDATE ledger_balance SET cycle_started_at = business_now, cycle_from = consumed,
      cycle_base = granted - consumed - expired
    WHERE organization_id = organization AND unit = of_unit;
  ELSIF ended.total IS NOT NULL THEN
    -- What ended unused counts no more: the cycle is over what was used of it and what is left.
    UPDATE ledger_balance SET cycle_base = greatest(granted - cycle_from - expired, 0)
    WHERE organization_id = organization AND unit = of_unit;
  ELSE
    RETURN;
  END IF;
  PERFORM balance_alert(organization, of_unit, business_now);
END
$$;
