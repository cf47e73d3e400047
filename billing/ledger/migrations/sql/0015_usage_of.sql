-- The usage events that settlements name: one for each of `ids`, or the one called `event_id`,
-- whose id is left to the insert. Items that "free" marks are counted under "free_meter", else as
-- abstentions; no hold pays for them.
CREATE OR REPLACE FUNCTION usage_of(settlements jsonb)
RETURNS TABLE (n integer, id uuid, organization_id uuid, hold_id uuid, source text, event_id text,
               meter text, units numeric, model text, deployment_id uuid, api_key_id uuid,
               occurred_at timestamptz, dims jsonb)
LANGUAGE sql AS $$
  SELECT (q.n - 1)::integer, i.id::uuid, q.organization_id,
         CASE WHEN NOT part.free THEN q.hold_id END,
         q.source, coalesce(i.id, q.event_id),
         part.meter, part.units, q.model, q.deployment_id, q.api_key_id, q.occurred_at, part.dims
  FROM (
    SELECT q.n, q.organization_id, q.hold_id, coalesce(q.source, '') AS source, q.event_id,
           coalesce(q.meter, h.unit) AS meter, q.captured, coalesce(q.model, '') AS model,
           q.deployment_id, q.api_key_id, q.occurred_at, coalesce(q.dims, '{}') AS dims,
           CASE WHEN q.event_id IS NULL THEN q.ids ELSE '[null]' END AS ids, q.item_dims, q.free,
           coalesce(q.free_meter, 'abstention') AS free_meter,
           greatest(CASE WHEN q.event_id IS NULL THEN jsonb_array_length(q.ids) ELSE 1 END
             - coalesce((SELECT count(*) FROM jsonb_array_elements(q.free) f WHERE f = 'true'), 0),
             1) AS charged
    FROM ROWS FROM (jsonb_to_recordset(settlements) AS (
           organization_id uuid, hold_id uuid, captured numeric, source text, meter text,
           model text, deployment_id uuid, api_key_id uuid, occurred_at timestamptz, dims jsonb,
           ids jsonb, item_dims jsonb, event_id text, free jsonb, free_meter text)) WITH ORDINALITY
         AS q (organization_id, hold_id, captured, source, meter, model, deployment_id, api_key_id,
               occurred_at, dims, ids, item_dims, event_id, free, free_meter, n)
    CROSS JOIN LATERAL (SELECT l.unit FROM ledger_hold l WHERE l.id = q.hold_id OFFSET 0) h
    WHERE (q.captured > 0 OR q.free IS NOT NULL)
      AND (q.event_id IS NOT NULL OR jsonb_typeof(q.ids) = 'array')
    OFFSET 0) q
  CROSS JOIN LATERAL jsonb_array_elements_text(q.ids) WITH ORDINALITY AS i (id, item)
  CROSS JOIN LATERAL (SELECT coalesce(q.free -> (i.item::integer - 1) = 'true', false) AS free) mark
  CROSS JOIN LATERAL (
    SELECT mark.free, CASE WHEN mark.free THEN q.free_meter ELSE q.meter END AS meter,
           CASE WHEN mark.free THEN 1 ELSE trunc(q.captured / q.charged, 12) END AS units,
           q.dims || coalesce(q.item_dims -> (i.item::integer - 1), '{}') AS dims) part
$$;
