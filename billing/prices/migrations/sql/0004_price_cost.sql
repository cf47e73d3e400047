-- What `units` cost after `used` units of the period. Differences of one rounded total, so the costs
-- of a period's parts add up to the whole. NULL where a later unit could change an earlier one's
-- price, or where the price is a share of money: such usage is charged by invoice.
CREATE FUNCTION price_cost(price prices_price, used numeric, units numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN (price).model IN ('per_unit', 'graduated', 'package')
    THEN price_rate(price, used + units) - price_rate(price, used) END
$$;
