-- The one price that rules a usage at a moment, or a NULL row. A plan's price beats the list's, then
-- the one that asks for most, then the newest.
CREATE FUNCTION price_for(
  organization uuid, of_meter text, of_currency text, dims jsonb, at timestamptz
) RETURNS prices_price LANGUAGE sql STABLE AS $$
  SELECT p FROM prices_price p JOIN prices_meter m ON m.id = p.meter_id
  WHERE m.code = of_meter AND p.currency = of_currency AND p.effective_at <= at
    AND p.plan IN ('', (SELECT billing_plan(organization, at)))
    AND p.match <@ coalesce(dims, '{}')
  ORDER BY p.plan = '', price_weight(p.match) DESC, p.effective_at DESC
  LIMIT 1
$$;
