-- Ends up to `most` holds that nobody settled in time; returns how many.
CREATE FUNCTION hold_reap(most integer DEFAULT 1000, business_now timestamptz DEFAULT NULL)
RETURNS integer LANGUAGE sql AS $$
  SELECT count(*) FILTER (WHERE s.code = 'released')::integer
  FROM (SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'hold_id', h.id, 'organization_id', h.organization_id, 'outcome', 'expired')), '[]')
               AS late
        FROM (SELECT l.id, l.organization_id FROM ledger_hold l
              WHERE l.state = 'held' AND l.expires_at < clock_timestamp()
              ORDER BY l.expires_at LIMIT least(most, 2000)) h) x
  CROSS JOIN LATERAL hold_settle(x.late, business_now) s
$$;
