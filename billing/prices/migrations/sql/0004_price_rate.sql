-- What the first `units` of a period cost, to the 12 decimals that balances are kept in.
CREATE FUNCTION price_rate(price prices_price, units numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT round(price_total(price, units), 12) $$;
