-- The beginning of a period: local midnight of the anchor's day, so many months on. Counted from the
-- anchor and not from the period before, so the 31st comes back after a February. Where clocks are
-- set back over midnight it comes twice: the first one counts, since the day begins with it.
CREATE FUNCTION period_boundary(anchor date, zone text, months integer) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN (late.at - interval '1 hour') AT TIME ZONE zone = local.at
              THEN late.at - interval '1 hour' ELSE late.at END
  FROM (SELECT anchor + make_interval(months => months) AS at) local
  CROSS JOIN LATERAL (SELECT local.at AT TIME ZONE zone AS at) late
$$;
