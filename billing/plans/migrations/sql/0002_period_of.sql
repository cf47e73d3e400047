-- The period of a grid that holds a moment. The guess by local month is off by one at most; the
-- borders, which are moments, decide.
CREATE FUNCTION period_of(anchor date, zone text, step integer, at timestamptz) RETURNS tstzrange
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  here date := (at AT TIME ZONE zone)::date;
  n integer := floor(((extract(year FROM here) - extract(year FROM anchor)) * 12
                      + extract(month FROM here) - extract(month FROM anchor)) / step);
BEGIN
  WHILE period_boundary(anchor, zone, n * step) > at LOOP n := n - 1; END LOOP;
  WHILE period_boundary(anchor, zone, (n + 1) * step) <= at LOOP n := n + 1; END LOOP;
  RETURN tstzrange(period_boundary(anchor, zone, n * step),
                   period_boundary(anchor, zone, (n + 1) * step));
END
$$;
