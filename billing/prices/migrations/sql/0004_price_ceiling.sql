-- The most `units` can cost when up to `pending` other units may be captured before them. Rounded
-- up to 12 decimals, so that no rounding of two totals comes out above it.
CREATE FUNCTION price_ceiling(price prices_price, used numeric, pending numeric, units numeric)
RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  most numeric;
  last numeric := used + pending;
  packages numeric;
BEGIN
  CASE coalesce(price.model, '')
    WHEN 'per_unit' THEN
      most := units * price.unit_amount;
    WHEN 'package' THEN
      packages := div(used, price.package_units);
      packages := packages + (used > packages * price.package_units)::integer;
      IF packages * price.package_units <= last THEN
        -- The pending units can end a package exactly, which leaves nothing of it to share.
        most := price_total(price, units);
      ELSE
        most := price_total(price, last + units) - price_total(price, last);
      END IF;
    WHEN 'graduated' THEN
      -- The cost is linear between points where either end crosses into another tier, so it is
      -- greatest at such a point, or just above it, where the tier's flat amount joins.
      SELECT max(price_total(price, c.x + units) - price_total(price, c.x)
                 + CASE WHEN above THEN
                     coalesce((SELECT t.flat_amount FROM price_tiers(price) t
                               WHERE t.floor = c.x + units), 0)
                     - coalesce((SELECT t.flat_amount FROM price_tiers(price) t
                                 WHERE t.floor = c.x), 0)
                   ELSE 0 END)
      INTO most
      FROM (SELECT used AS x UNION SELECT last UNION SELECT t.floor FROM price_tiers(price) t
            UNION SELECT t.floor - units FROM price_tiers(price) t) c
      CROSS JOIN (VALUES (false), (true)) AS v (above)
      WHERE c.x BETWEEN used AND last AND (NOT above OR c.x < last);
    ELSE
      RETURN NULL;
  END CASE;
  RETURN trunc(most, 12) + CASE WHEN trunc(most, 12) < most THEN 0.000000000001 ELSE 0 END;
END
$$;
