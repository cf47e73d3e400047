-- Decides one request against every limit it falls under, in order of the limits' ids: `denied`
-- says which hard limit refuses it; else the need is counted as held and `counts` says where.
-- `cost` is null when nothing is to be paid in money. One of nothing is counted too: the order of
-- captures may yet make it dearer. What has `happened` is counted and never refused.
-- A limit of money of the organization or its plan is a pool as the money is (see hold_rate): what
-- open holds count there covers all that is pending, `whole`; `pooled` says what came to it, by
-- limit. One of a key or a member counts its own captures: its need is the most they can cost.
-- The caller holds the account's row lock, so counts are changed one decision at a time.
CREATE FUNCTION limits_check(
  organization uuid, of_unit text, units numeric, of_currency text, cost numeric, rated numeric,
  whole numeric, of_price uuid, of_usage uuid, api_key uuid, member uuid, happened boolean,
  business_now timestamptz, OUT denied jsonb, OUT counts jsonb, OUT pooled jsonb
) LANGUAGE plpgsql AS $$
DECLARE
  l record;
  c record;
  need numeric;
  shares boolean;
BEGIN
  counts := '{}'; pooled := '{}';
  FOR l IN
    SELECT s.id, s.scope, s.unit, s."window", s.amount, s.hard,
           CASE s."window" WHEN 'total' THEN 'epoch'::timestamptz
                ELSE date_trunc(s."window", business_now, 'UTC') END AS begins_at
    FROM ledger_spendinglimit s
    WHERE s.organization_id = organization AND s.removed_at IS NULL
      AND s.unit IN (of_unit, of_currency)
      AND (s.subject_id IS NULL OR (s.scope = 'key' AND s.subject_id = api_key)
           OR (s.scope = 'member' AND s.subject_id = member))
    ORDER BY s.id
  LOOP
    CONTINUE WHEN l.unit <> of_unit AND cost IS NULL;
    shares := l.unit <> of_unit AND l.scope IN ('organization', 'plan');
    need := CASE WHEN l.unit = of_unit THEN units ELSE cost END;
    IF l.unit <> of_unit AND whole IS NOT NULL THEN
      IF shares THEN
        SELECT greatest(whole - coalesce((u.limits ->> l.id::text)::numeric, 0), 0) INTO need
        FROM ledger_ratedusage u WHERE u.id = of_usage;
      ELSE
        need := hold_top(of_price, of_usage, rated);
      END IF;
    END IF;
    INSERT INTO ledger_limitcount (id, created_at, organization_id, limit_id, begins_at, held, used)
    VALUES (anneal_uuid7(), clock_timestamp(), organization, l.id, l.begins_at, 0, 0)
    ON CONFLICT (organization_id, limit_id, begins_at) DO NOTHING;
    SELECT n.id, n.held, n.used INTO c FROM ledger_limitcount n
    WHERE n.organization_id = organization AND n.limit_id = l.id AND n.begins_at = l.begins_at;
    IF l.hard AND NOT happened AND need > 0 AND c.held + c.used + need > l.amount THEN
      denied := jsonb_build_object(
        'limit_id', l.id, 'scope', l.scope, 'unit', l.unit, 'window', l."window",
        'amount', trim_scale(l.amount)::text, 'used', trim_scale(c.used)::text,
        'held', trim_scale(c.held)::text, 'needed', trim_scale(need)::text);
      RETURN;
    END IF;
    counts := counts || jsonb_build_object(c.id::text, need);
    IF shares THEN pooled := pooled || jsonb_build_object(l.id::text, need); END IF;
  END LOOP;
  UPDATE ledger_limitcount n SET held = n.held + (x.need #>> '{}')::numeric
  FROM jsonb_each(counts) AS x (id, need)
  WHERE n.id = x.id::uuid;
END
$$;
