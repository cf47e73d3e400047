-- The moment in whose billing period an event counts: when it occurred while that period is open,
-- else when it came. A period is the calendar month in UTC and stays open three days after its end.
CREATE FUNCTION usage_counts_at(organization uuid, occurred timestamptz, business_now timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN (date_trunc('month', occurred AT TIME ZONE 'UTC') + interval '1 month 3 days')
           AT TIME ZONE 'UTC' > business_now
    THEN occurred ELSE business_now END
$$;
