-- The period over which tiers count together: the subscription's, else the month by UTC; cut where
-- a subscription begins or ends, so that periods tile. A change of plan that keeps the grid cuts
-- nothing.
CREATE OR REPLACE FUNCTION billing_period(organization uuid, at timestamptz) RETURNS tstzrange
LANGUAGE plpgsql STABLE AS $$
DECLARE
  grid record;
  whole tstzrange;
  earliest timestamptz;
  latest timestamptz;
BEGIN
  SELECT s.anchor_at, s.anchor_date, s.time_zone, s.period_months INTO grid
  FROM plans_subscription s
  WHERE s.organization_id = organization AND s.starts_at <= at
    AND (s.ends_at IS NULL OR s.ends_at > at);
  IF FOUND THEN
    whole := period_of(grid.anchor_date, grid.time_zone, grid.period_months, at);
    earliest := grid.anchor_at;
    SELECT max(coalesce(s.ends_at, 'infinity')) INTO latest FROM plans_subscription s
    WHERE s.organization_id = organization AND s.anchor_at = grid.anchor_at;
  ELSE
    whole := period_of('2000-01-01', 'UTC', 1, at);
    SELECT max(s.ends_at) INTO earliest FROM plans_subscription s
    WHERE s.organization_id = organization AND s.ends_at <= at;
    SELECT min(s.starts_at) INTO latest FROM plans_subscription s
    WHERE s.organization_id = organization AND s.starts_at > at;
  END IF;
  -- greatest() and least() pass over NULL.
  RETURN tstzrange(greatest(lower(whole), earliest), least(upper(whole), latest));
END
$$;
