-- A quantity the ledger can hold: finite, not negative, at most 10^15, at most 12 decimals.
CREATE FUNCTION amount_valid(amount numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(amount >= 0 AND amount <= 1e15 AND scale(trim_scale(amount)) <= 12, false)
$$;
