-- What the first `units` of a period cost, with every decimal.
CREATE FUNCTION price_total(price prices_price, units numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  total numeric;
BEGIN
  IF units = 0 THEN RETURN 0; END IF;
  CASE price.model
    WHEN 'per_unit' THEN
      RETURN units * price.unit_amount;
    WHEN 'package' THEN
      -- div() is exact where a quotient of numerics would be rounded.
      total := div(units, price.package_units);
      RETURN (total + (units > total * price.package_units)::integer) * price.package_amount;
    WHEN 'percentage' THEN
      RETURN units * price.percent * 0.01;
    WHEN 'graduated' THEN
      SELECT sum((least(units, t.up_to) - t.floor) * t.unit_amount + t.flat_amount) INTO total
      FROM price_tiers(price) t WHERE units > t.floor;
    WHEN 'volume' THEN
      SELECT units * t.unit_amount + t.flat_amount INTO total
      FROM price_tiers(price) t WHERE units > t.floor ORDER BY t.floor DESC LIMIT 1;
  END CASE;
  RETURN total;
END
$$;
