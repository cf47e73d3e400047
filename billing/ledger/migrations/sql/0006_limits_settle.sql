-- Moves what a hold's capture used from held to used in the counts of its limits, and at its end
-- lets go of the rest; writes a notice for each threshold reached. The caller holds the account's
-- row lock. A limit made after the hold was taken and before it was extended counts all that is
-- captured from then on: a limit is never widened by what came before it.
CREATE FUNCTION limits_settle(
  of_hold uuid, units numeric, money numeric, closing boolean, business_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  h ledger_hold%ROWTYPE;
  c record;
  part numeric;
  gone numeric;
  rest jsonb := '{}';
BEGIN
  SELECT * INTO h FROM ledger_hold WHERE id = of_hold;
  FOR c IN
    SELECT n.id, n.limit_id, n.begins_at, l.unit, l.amount,
           CASE WHEN l.removed_at IS NULL THEN l.alerts ELSE '{}' END AS alerts,
           (x.held #>> '{}')::numeric AS held
    FROM jsonb_each(h.limits) AS x (id, held)
    JOIN ledger_limitcount n ON n.id = x.id::uuid
    JOIN ledger_spendinglimit l ON l.id = n.limit_id
    ORDER BY n.id
  LOOP
    part := CASE WHEN c.unit = h.unit THEN units ELSE money END;
    gone := CASE WHEN closing THEN c.held ELSE least(part, c.held) END;
    UPDATE ledger_limitcount n SET held = n.held - gone, used = n.used + part WHERE n.id = c.id;
    rest := rest || jsonb_build_object(c.id::text, c.held - gone);
    INSERT INTO ledger_notice (id, created_at, organization_id, rule, period, threshold, unit, used,
                               amount, reached_at)
    SELECT anneal_uuid7(), clock_timestamp(), h.organization_id, 'limit:' || c.limit_id,
           c.begins_at, t.percent, c.unit, n.used, c.amount, business_now
    FROM ledger_limitcount n CROSS JOIN unnest(c.alerts) AS t (percent)
    WHERE n.id = c.id AND part > 0 AND n.used >= c.amount * t.percent / 100
    ORDER BY t.percent
    ON CONFLICT (organization_id, rule, period, threshold) DO NOTHING;
  END LOOP;
  UPDATE ledger_hold SET limits = rest WHERE id = of_hold;
END
$$;
