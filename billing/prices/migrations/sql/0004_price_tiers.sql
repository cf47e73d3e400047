-- A price's tiers as rows: floor < units <= up_to, NULL without end.
CREATE FUNCTION price_tiers(price prices_price)
RETURNS TABLE (floor numeric, up_to numeric, unit_amount numeric, flat_amount numeric)
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(lag((e.tier ->> 'up_to')::numeric) OVER (ORDER BY e.n), 0),
         (e.tier ->> 'up_to')::numeric, (e.tier ->> 'unit_amount')::numeric,
         (e.tier ->> 'flat_amount')::numeric
  FROM jsonb_array_elements(price.tiers) WITH ORDINALITY AS e (tier, n)
$$;
