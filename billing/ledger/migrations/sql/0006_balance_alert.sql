-- Writes a notice for each threshold a balance's cycle has reached, once, and says when to look
-- again. The caller holds the balance's row lock.
CREATE FUNCTION balance_alert(organization uuid, of_unit text, business_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  b ledger_balance%ROWTYPE;
BEGIN
  SELECT * INTO b FROM ledger_balance
  WHERE organization_id = organization AND unit = of_unit;
  INSERT INTO ledger_notice (id, created_at, organization_id, rule, period, threshold, unit, used,
                             amount, reached_at)
  SELECT anneal_uuid7(), clock_timestamp(), organization, 'balance:' || of_unit,
         b.cycle_started_at, t.percent, of_unit, b.consumed - b.cycle_from, b.cycle_base,
         business_now
  FROM (VALUES (50), (80), (90), (100)) AS t (percent)
  WHERE b.cycle_base > 0 AND b.consumed - b.cycle_from >= b.cycle_base * t.percent / 100
  ORDER BY t.percent
  ON CONFLICT (organization_id, rule, period, threshold) DO NOTHING;
  UPDATE ledger_balance SET alert_at = (
    SELECT min(b.cycle_from + b.cycle_base * t.percent / 100)
    FROM (VALUES (50), (80), (90), (100)) AS t (percent)
    WHERE b.cycle_from + b.cycle_base * t.percent / 100 > b.consumed)
  WHERE id = b.id;
END
$$;
