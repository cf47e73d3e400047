-- The most that `units` of a price can cost, however many of the units pending now are captured
-- before them. What is taken later, where tiers rise, and captured earlier can still make them dearer.
CREATE FUNCTION hold_top(of_price uuid, of_usage uuid, units numeric) RETURNS numeric
LANGUAGE sql STABLE AS $$
  SELECT price_ceiling(p, u.used, u.pending, units)
  FROM prices_price p, ledger_ratedusage u WHERE p.id = of_price AND u.id = of_usage
$$;
