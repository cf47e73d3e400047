-- Records the usage events of the settlements in `counted`.
CREATE FUNCTION usage_add(
  settlements jsonb, counted integer[], today timestamptz, stamp timestamptz
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO metering_usageevent (
    id, organization_id, source, event_id, payload_hash, meter, units, model, deployment_id,
    api_key_id, occurred_at, recorded_at, hold_id, dims)
  SELECT coalesce(e.id, anneal_uuid7()), e.organization_id, e.source, e.event_id,
         e.payload_hash, e.meter, e.units, e.model, e.deployment_id, e.api_key_id,
         coalesce(e.occurred_at, today), stamp, e.hold_id, e.dims
  FROM usage_of(settlements) e WHERE e.n = ANY (counted)
$$;
