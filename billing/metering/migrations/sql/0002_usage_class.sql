-- The part of an event's dims that a price may depend on.
CREATE FUNCTION usage_class(dims jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'task', dims -> 'task', 'tier', dims -> 'tier', 'channel', dims -> 'channel'))
$$;
