-- What an organization used in [since, until): sums of whole hours that are rolled up, and the
-- events themselves for the rest, which is what is not summed yet, what came late into a summed
-- hour, and the parts of hours at both ends. One snapshot sees a sum or its events, never both.
-- `at` is the event's moment, or the hour's beginning. `hours` off reads events alone.
CREATE FUNCTION usage_between(
  organization uuid, since timestamptz, until timestamptz, hours boolean DEFAULT true
) RETURNS TABLE (at timestamptz, meter text, model text, api_key_id uuid, deployment_id uuid,
                 class jsonb, units numeric, events bigint)
LANGUAGE sql STABLE AS $$
  WITH span AS MATERIALIZED (
    SELECT s.first, greatest(s.first, least(date_trunc('hour', until, 'UTC'), s.sealed)) AS last
    FROM (SELECT date_trunc('hour', since + interval '1 hour' - interval '1 microsecond', 'UTC')
                   AS first,
                 CASE WHEN hours THEN (SELECT max(m.sealed_until) FROM metering_rollupmark m)
                      ELSE '-infinity' END AS sealed) s
  ), late AS MATERIALIZED (
    SELECT DISTINCT l.hour FROM metering_usagelatehour l, span
    WHERE l.organization_id = organization AND l.hour >= span.first AND l.hour < span.last
  )
  SELECT r.hour, r.meter, r.model, r.api_key_id, r.deployment_id, r.price_dims, r.units, r.events
  FROM span, metering_usagerollup r
  WHERE r.organization_id = organization AND r.hour >= span.first AND r.hour < span.last
    AND NOT EXISTS (SELECT FROM late WHERE late.hour = r.hour)
  UNION ALL
  SELECT e.occurred_at, e.meter, e.model, e.api_key_id, e.deployment_id, usage_class(e.dims),
         e.units, 1
  FROM (SELECT since AS low, least(span.first, until) AS high FROM span
        UNION ALL SELECT span.last, until FROM span
        UNION ALL SELECT late.hour, late.hour + interval '1 hour' FROM late) part
  CROSS JOIN LATERAL (
    SELECT * FROM metering_usageevent u
    WHERE u.organization_id = organization AND u.occurred_at >= part.low
      AND u.occurred_at < part.high) e
$$;
