-- The events by month of their id, the keys by hash: a constraint of a partitioned table can only
-- be unique together with what it is partitioned by, and an event must be unique for ever.
ALTER TABLE metering_usageevent RENAME TO metering_usageevent_whole;
ALTER TABLE metering_usageevent_whole NO FORCE ROW LEVEL SECURITY;

CREATE TABLE metering_usageevent (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  source varchar(50) NOT NULL,
  event_id varchar(200) NOT NULL,
  meter varchar(50) NOT NULL,
  units numeric(38, 12) NOT NULL,
  model varchar(200) NOT NULL,
  deployment_id uuid,
  api_key_id uuid,
  occurred_at timestamptz NOT NULL,
  counts_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  hold_id uuid,
  dims jsonb NOT NULL,
  CONSTRAINT metering_usageevent_units CHECK (units > 0)
) PARTITION BY RANGE (id);
CREATE INDEX metering_usageevent_when ON metering_usageevent (organization_id, occurred_at);
-- Rows come nearly in this order, so a few bytes per hundred pages find an hour of everybody's.
CREATE INDEX metering_usageevent_hours ON metering_usageevent USING brin (occurred_at)
  WITH (pages_per_range = 32);

CREATE TABLE metering_usageeventkey (
  id uuid NOT NULL,
  organization_id uuid NOT NULL,
  source varchar(50) NOT NULL,
  event_id varchar(200) NOT NULL,
  payload_hash bytea NOT NULL,
  PRIMARY KEY (organization_id, source, event_id)
) PARTITION BY HASH (organization_id, source, event_id);
