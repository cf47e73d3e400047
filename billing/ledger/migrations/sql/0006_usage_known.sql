-- Which settlements name a usage event that has been counted before, and whether as the same.
CREATE FUNCTION usage_known(settlements jsonb) RETURNS TABLE (n integer, same boolean)
LANGUAGE sql AS $$
  SELECT e.n, bool_and(e.payload_hash = coalesce(same.hash, named.hash))
  FROM usage_of(settlements) e
  LEFT JOIN LATERAL (SELECT u.payload_hash AS hash FROM metering_usageevent u WHERE u.id = e.id
                     OFFSET 0) same ON true
  LEFT JOIN LATERAL (SELECT u.payload_hash AS hash FROM metering_usageevent u
                     WHERE u.organization_id = e.organization_id AND u.source = e.source
                       AND u.event_id = e.event_id AND e.id IS NULL OFFSET 0) named ON true
  WHERE same.hash IS NOT NULL OR named.hash IS NOT NULL
  GROUP BY e.n
$$;
