-- Takes the next number of a series. The row is locked till the commit, and a transaction that fails
-- gives the number back: over all organizations a series has no gap.
CREATE FUNCTION number_take(series text) RETURNS integer LANGUAGE sql AS $$
  INSERT INTO invoices_numberseries AS s (id, created_at, name, last)
  VALUES (anneal_uuid7(), clock_timestamp(), series, 1)
  ON CONFLICT (name) DO UPDATE SET last = s.last + 1
  RETURNING s.last
$$;
