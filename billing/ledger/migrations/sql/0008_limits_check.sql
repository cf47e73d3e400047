-- Decides one request against every limit it falls under, in order of the limits' ids: `denied`
-- says which hard limit refuses it; else the need is counted as held and `counts` says where.
-- `cost` is null when nothing is to be paid in money. One of nothing is counted too: the order of
-- captures may yet make it dearer.
-- The caller holds the account's row lock, so counts are changed one decision at a time.
CREATE OR REPLACE FUNCTION limits_check(
  organization uuid, of_unit text, units numeric, of_currency text, cost numeric, api_key uuid,
  member uuid, business_now timestamptz, OUT denied jsonb, OUT counts jsonb
) LANGUAGE plpgsql AS $$
DECLARE
  l record;
  c record;
BEGIN
  counts := '{}';
  FOR l IN
    SELECT s.id, s.scope, s.unit, s."window", s.amount, s.hard,
           CASE WHEN s.unit = of_unit THEN units ELSE cost END AS need,
           CASE s."window" WHEN 'total' THEN 'epoch'::timestamptz
                ELSE date_trunc(s."window", business_now, 'UTC') END AS begins_at
    FROM ledger_spendinglimit s
    WHERE s.organization_id = organization AND s.removed_at IS NULL
      AND s.unit IN (of_unit, of_currency)
      AND (s.subject_id IS NULL OR (s.scope = 'key' AND s.subject_id = api_key)
           OR (s.scope = 'member' AND s.subject_id = member))
    ORDER BY s.id
  LOOP
    CONTINUE WHEN l.need IS NULL;
    INSERT INTO ledger_limitcount (id, created_at, organization_id, limit_id, begins_at, held, used)
    VALUES (anneal_uuid7(), clock_timestamp(), organization, l.id, l.begins_at, 0, 0)
    ON CONFLICT (organization_id, limit_id, begins_at) DO NOTHING;
    SELECT n.id, n.held, n.used INTO c FROM ledger_limitcount n
    WHERE n.organization_id = organization AND n.limit_id = l.id AND n.begins_at = l.begins_at;
    IF l.hard AND l.need > 0 AND c.held + c.used + l.need > l.amount THEN
      denied := jsonb_build_object(
        'limit_id', l.id, 'scope', l.scope, 'unit', l.unit, 'window', l."window",
        'amount', trim_scale(l.amount)::text, 'used', trim_scale(c.used)::text,
        'held', trim_scale(c.held)::text, 'needed', trim_scale(l.need)::text);
      RETURN;
    END IF;
    counts := counts || jsonb_build_object(c.id::text, l.need);
  END LOOP;
  UPDATE ledger_limitcount n SET held = n.held + (x.need #>> '{}')::numeric
  FROM jsonb_each(counts) AS x (id, need)
  WHERE n.id = x.id::uuid;
END
$$;
