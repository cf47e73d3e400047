-- Sums the events of [since, until) by the hour, of everybody or of one organization. The caller
-- has locked those hours and removed what was summed of them.
CREATE FUNCTION usage_rollup(since timestamptz, until timestamptz, organization uuid DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO metering_usagerollup (id, organization_id, hour, counts_hour, meter, model,
                                    api_key_id, deployment_id, price_dims, units, events)
  SELECT gen_random_uuid(), s.* FROM (
    SELECT e.organization_id, date_trunc('hour', e.occurred_at, 'UTC'),
           date_trunc('hour', e.counts_at, 'UTC'), e.meter, e.model, e.api_key_id,
           e.deployment_id, usage_class(e.dims), sum(e.units), count(*)
    FROM metering_usageevent e
    WHERE e.occurred_at >= since AND e.occurred_at < until
      AND (organization IS NULL OR e.organization_id = organization)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) s;
END
$$;

-- Rolls up the next hours, at most `most`, as far as `until`; returns whether there may be more.
CREATE FUNCTION usage_seal(until timestamptz, most integer DEFAULT 24) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  since timestamptz;
  upto timestamptz := date_trunc('hour', until, 'UTC');
  goal timestamptz;
BEGIN
  SELECT m.sealed_until INTO since FROM metering_rollupmark m FOR UPDATE;
  -- Nothing to sum in the years before the first event, and nobody may add an earlier one just now.
  IF since <= timestamptz '1970-01-02 00:00+00' THEN
    PERFORM pg_advisory_xact_lock(7261002, -1);
    SELECT coalesce(date_trunc('hour', min(e.occurred_at), 'UTC'), upto) INTO since
    FROM metering_usageevent e;
  END IF;
  goal := least(upto, since + make_interval(hours => most));
  IF goal > since THEN
    -- Waits for those who write into these hours; later ones will see the mark.
    PERFORM pg_advisory_xact_lock(7261002, h)
    FROM generate_series((extract(epoch FROM since) / 3600)::integer,
                         (extract(epoch FROM goal) / 3600)::integer - 1) h;
    PERFORM usage_rollup(since, goal);
    UPDATE metering_rollupmark SET sealed_until = goal;
  END IF;
  RETURN goal < upto;
END
$$;

-- Sums anew up to `most` hours into which something came late; returns how many.
CREATE FUNCTION usage_reseal(most integer DEFAULT 24) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  late record;
  done integer := 0;
BEGIN
  PERFORM FROM metering_rollupmark FOR UPDATE;
  FOR late IN
    SELECT l.hour, array_agg(DISTINCT l.organization_id) AS organizations
    FROM metering_usagelatehour l GROUP BY l.hour ORDER BY l.hour LIMIT most
  LOOP
    PERFORM pg_advisory_xact_lock(7261002, (extract(epoch FROM late.hour) / 3600)::integer);
    DELETE FROM metering_usagelatehour l
    WHERE l.hour = late.hour AND l.organization_id = ANY (late.organizations);
    DELETE FROM metering_usagerollup r
    WHERE r.hour = late.hour AND r.organization_id = ANY (late.organizations);
    PERFORM usage_rollup(late.hour, late.hour + interval '1 hour', o)
    FROM unnest(late.organizations) o;
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;
