-- The moment in whose billing period an event counts: when it occurred while that period is open,
-- else when it came. A period stays open for three days after its end.
CREATE FUNCTION usage_counts_at(organization uuid, occurred timestamptz, business_now timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE
    -- Whatever its period, it cannot have ended before.
    WHEN occurred + interval '3 days' > business_now THEN occurred
    WHEN upper(billing_period(organization, occurred)) + interval '3 days' > business_now
    THEN occurred ELSE business_now END
$$;
