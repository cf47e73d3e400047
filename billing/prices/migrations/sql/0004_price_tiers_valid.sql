-- Says whether tiers follow each other without gap or overlap and cost nothing below zero.
CREATE FUNCTION price_tiers_valid(tiers jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT count(*) > 0
     AND coalesce(bool_and(
       (t.up_to IS NULL) = (t.n = t.size)
       AND coalesce(t.up_to > t.floor AND t.up_to <= 1e15, t.n = t.size)
       AND coalesce(t.unit_amount BETWEEN 0 AND 1e15 AND t.flat_amount BETWEEN 0 AND 1e15, false)),
       false)
  FROM (
    SELECT (e.tier ->> 'up_to')::numeric AS up_to, (e.tier ->> 'unit_amount')::numeric AS unit_amount,
           (e.tier ->> 'flat_amount')::numeric AS flat_amount, e.n, count(*) OVER () AS size,
           coalesce(lag((e.tier ->> 'up_to')::numeric) OVER (ORDER BY e.n), 0) AS floor
    FROM jsonb_array_elements(tiers) WITH ORDINALITY AS e (tier, n)) t
$$;
