-- The period over which tiers count together: the month by UTC. The app `plans` replaces it, since
-- a subscription has periods of its own.
CREATE FUNCTION billing_period(organization uuid, at timestamptz) RETURNS tstzrange
LANGUAGE sql STABLE AS $$
  SELECT tstzrange(date_trunc('month', at, 'UTC'),
                   (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC')
$$;
