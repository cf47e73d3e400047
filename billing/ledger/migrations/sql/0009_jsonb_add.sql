-- Adds numbers by name: what one of the two lacks is 0.
CREATE FUNCTION jsonb_add(a jsonb, b jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN b = '{}' THEN a ELSE a || (
    SELECT coalesce(jsonb_object_agg(x.key, (x.value #>> '{}')::numeric
                                     + coalesce((a ->> x.key)::numeric, 0)), '{}')
    FROM jsonb_each(b) x) END
$$;
