-- Orders prices by how much they ask for. Two that fit the same usage with the same weight ask for
-- the same, so they differ by the moment they begin: which one rules is never open.
CREATE FUNCTION price_weight(match jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT (match ? 'task')::integer * 12 + (match ? 'tier')::integer * 10
       + (match ? 'channel')::integer * 9
$$;
