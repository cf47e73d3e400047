-- One count to record. `id`, when there is none, is made; the order of the columns is the type.
CREATE TYPE usage_item AS (
  id uuid, organization_id uuid, source text, event_id text, meter text, units numeric, model text,
  deployment_id uuid, api_key_id uuid, occurred_at timestamptz, hold_id uuid, dims jsonb);

-- Which of these events are known: `same`, with the same content whatever its moment, or `conflict`,
-- with another, or under another name. The number of an item counts from 1.
CREATE FUNCTION usage_seen(items usage_item[]) RETURNS TABLE (item integer, code text)
LANGUAGE sql AS $$
  SELECT i.n::integer,
         CASE WHEN k.payload_hash = usage_hash(i.meter, i.units, i.model, i.deployment_id,
                                               i.api_key_id, i.dims)
              THEN 'same' ELSE 'conflict' END
  FROM unnest(items) WITH ORDINALITY AS i (
    id, organization_id, source, event_id, meter, units, model, deployment_id, api_key_id,
    occurred_at, hold_id, dims, n)
  LEFT JOIN LATERAL (
    SELECT l.payload_hash FROM metering_usageeventkey l
    WHERE l.organization_id = i.organization_id AND l.source = i.source
      AND l.event_id = i.event_id OFFSET 0) k ON true
  LEFT JOIN LATERAL (
    SELECT true AS known FROM metering_usageevent e WHERE e.id = i.id OFFSET 0) same ON true
  WHERE k.payload_hash IS NOT NULL OR same.known
$$;

-- Records events, each (organization, source, event id) once for ever: key and event are written in
-- one transaction, so neither is there without the other. Returns only the items that were not
-- recorded, as usage_seen does: what is `same` is counted already, and no fault.
CREATE FUNCTION usage_record(
  items usage_item[], business_now timestamptz DEFAULT NULL, stamp timestamptz DEFAULT NULL
) RETURNS TABLE (item integer, code text)
LANGUAGE plpgsql
-- hold_settle plans by index alone; between two arrays of thousands a hash is the only way.
SET enable_hashjoin = on SET enable_mergejoin = on
AS $$
#variable_conflict use_column
DECLARE
  today timestamptz := coalesce(business_now, clock_timestamp());
  recorded timestamptz := coalesce(stamp, clock_timestamp());
  made uuid[];
  fresh uuid[];
BEGIN
  IF cardinality(items) = 0 THEN RETURN; END IF;
  -- Whoever rolls an hour up waits for those who are writing into it, hence no event can slip
  -- between an hour's sum and the mark that says it is summed.
  PERFORM pg_advisory_xact_lock_shared(7261002, h.hour)
  FROM (SELECT -1 AS hour
        UNION
        SELECT floor(extract(epoch FROM coalesce(i.occurred_at, today)) / 3600)::integer
        FROM unnest(items) i ORDER BY 1) h;
  SELECT array_agg(coalesce(i.id, anneal_uuid7()) ORDER BY i.n) INTO made
  FROM unnest(items) WITH ORDINALITY AS i (
    id, organization_id, source, event_id, meter, units, model, deployment_id, api_key_id,
    occurred_at, hold_id, dims, n);

  -- In the order of the key, so that two batches with common events cannot deadlock.
  WITH given AS MATERIALIZED (
    SELECT i.*, coalesce(i.occurred_at, today) AS at,
           CASE WHEN i.occurred_at IS NULL THEN today
                ELSE usage_counts_at(i.organization_id, i.occurred_at, today) END AS counts_at,
           usage_hash(i.meter, i.units, i.model, i.deployment_id, i.api_key_id, i.dims) AS hash
    FROM ROWS FROM (unnest(items), unnest(made)) AS i (
      id, organization_id, source, event_id, meter, units, model, deployment_id, api_key_id,
      occurred_at, hold_id, dims, made)
  ), keys AS (
    INSERT INTO metering_usageeventkey (id, organization_id, source, event_id, payload_hash)
    SELECT g.made, g.organization_id, g.source, g.event_id, g.hash FROM given g
    ORDER BY g.organization_id, g.source, g.event_id
    ON CONFLICT (organization_id, source, event_id) DO NOTHING
    RETURNING id
  ), added AS (
    INSERT INTO metering_usageevent (
      id, organization_id, source, event_id, meter, units, model, deployment_id, api_key_id,
      occurred_at, counts_at, recorded_at, hold_id, dims)
    SELECT g.made, g.organization_id, g.source, g.event_id, g.meter, g.units, g.model,
           g.deployment_id, g.api_key_id, g.at, g.counts_at, recorded, g.hold_id, g.dims
    FROM given g WHERE g.made IN (SELECT k.id FROM keys k)
    RETURNING organization_id, occurred_at
  ), behind AS (
    INSERT INTO metering_usagelatehour (id, organization_id, hour)
    SELECT gen_random_uuid(), a.organization_id, date_trunc('hour', a.occurred_at, 'UTC')
    FROM added a CROSS JOIN metering_rollupmark m
    WHERE a.occurred_at < m.sealed_until
    GROUP BY 2, 3
  )
  SELECT array_agg(k.id) INTO fresh FROM keys k;
  IF cardinality(fresh) = cardinality(items) THEN RETURN; END IF;

  -- A statement of its own: it sees keys that others committed while we waited for theirs.
  RETURN QUERY
  SELECT i.n::integer, CASE WHEN k.payload_hash = i.hash THEN 'same' ELSE 'conflict' END
  FROM (SELECT u.n, u.organization_id, u.source, u.event_id, u.made,
               usage_hash(u.meter, u.units, u.model, u.deployment_id, u.api_key_id, u.dims) AS hash
        FROM ROWS FROM (unnest(items), unnest(made)) WITH ORDINALITY AS u (
          id, organization_id, source, event_id, meter, units, model, deployment_id, api_key_id,
          occurred_at, hold_id, dims, made, n) OFFSET 0) i
  CROSS JOIN LATERAL (
    SELECT l.payload_hash FROM metering_usageeventkey l
    WHERE l.organization_id = i.organization_id AND l.source = i.source
      AND l.event_id = i.event_id OFFSET 0) k
  WHERE i.made NOT IN (SELECT f FROM unnest(fresh) f) ORDER BY i.n;
END
$$;
