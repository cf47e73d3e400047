-- What a limit that was set or changed means for the window there is. One that begins (`fresh`)
-- counts what the window has used already: `carried` says how much of the count that is. The
-- thresholds of its amount that are reached are told now, since a hard one may let no capture
-- through that would; those told for another amount, and not reached by this one, make room to be
-- told again.
CREATE FUNCTION limit_begin(
  organization uuid, of_limit uuid, fresh boolean, business_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  l ledger_spendinglimit%ROWTYPE;
  n ledger_limitcount%ROWTYPE;
  begun timestamptz;
  before numeric;
BEGIN
  PERFORM account_open(organization);
  SELECT * INTO l FROM ledger_spendinglimit s
  WHERE s.id = of_limit AND s.organization_id = organization AND s.removed_at IS NULL;
  IF NOT FOUND THEN RETURN; END IF;
  begun := CASE l."window" WHEN 'total' THEN 'epoch'::timestamptz
                ELSE date_trunc(l."window", business_now, 'UTC') END;
  INSERT INTO ledger_limitcount (id, created_at, organization_id, limit_id, begins_at, held, used)
  VALUES (anneal_uuid7(), clock_timestamp(), organization, l.id, begun, 0, 0)
  ON CONFLICT (organization_id, limit_id, begins_at) DO NOTHING;
  SELECT * INTO n FROM ledger_limitcount c
  WHERE c.organization_id = organization AND c.limit_id = l.id AND c.begins_at = begun;

  IF fresh THEN
    before := limit_used(l, begun, business_now) - n.used;
    IF before > 0 THEN
      UPDATE ledger_limitcount c SET used = c.used + before, carried = c.carried + before
      WHERE c.id = n.id RETURNING * INTO n;
    END IF;
  END IF;

  UPDATE ledger_notice t SET rule = t.rule || ':' || t.id
  WHERE t.organization_id = organization AND t.rule = 'limit:' || l.id AND t.period = begun
    AND t.amount <> l.amount AND n.used < l.amount * t.threshold / 100;
  INSERT INTO ledger_notice (id, created_at, organization_id, rule, period, threshold, unit, used,
                             amount, reached_at)
  SELECT anneal_uuid7(), clock_timestamp(), organization, 'limit:' || l.id, begun, t.percent, l.unit,
         n.used, l.amount, business_now
  FROM unnest(l.alerts) AS t (percent)
  WHERE n.used > 0 AND n.used >= l.amount * t.percent / 100
  ORDER BY t.percent
  ON CONFLICT (organization_id, rule, period, threshold) DO NOTHING;
END
$$;
