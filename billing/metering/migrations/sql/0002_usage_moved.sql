-- What was counted before there were months.
INSERT INTO metering_usageevent (id, organization_id, source, event_id, meter, units, model,
                                 deployment_id, api_key_id, occurred_at, counts_at, recorded_at,
                                 hold_id, dims)
SELECT id, organization_id, source, event_id, meter, units, model, deployment_id, api_key_id,
       occurred_at, occurred_at, recorded_at, hold_id, dims
FROM metering_usageevent_whole;
INSERT INTO metering_usageeventkey (id, organization_id, source, event_id, payload_hash)
SELECT id, organization_id, source, event_id,
       usage_hash(meter, units, model, deployment_id, api_key_id, dims)
FROM metering_usageevent_whole;
DROP TABLE metering_usageevent_whole;
