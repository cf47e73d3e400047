-- What is counted, and not when: the same event sent later is still the same.
CREATE FUNCTION usage_hash(meter text, units numeric, model text, deployment_id uuid,
                           api_key_id uuid, dims jsonb)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to(
    jsonb_build_array(meter, trim_scale(units), model, deployment_id, api_key_id, dims)::text,
    'UTF8'))
$$;
