-- What an organization's plan allows at once; no row without a plan, a NULL limit is none.
CREATE FUNCTION plan_limits_of(organization uuid)
RETURNS TABLE (plan text, requests_per_minute integer, calls_in_flight integer,
               concurrency integer, priority integer)
LANGUAGE sql STABLE AS $$
  SELECT p.code, v.requests_per_minute, v.calls_in_flight, v.concurrency, v.priority::integer
  FROM plans_subscription s
  JOIN plans_planversion v ON v.id = s.plan_version_id JOIN plans_plan p ON p.id = v.plan_id
  WHERE s.organization_id = organization AND s.ends_at IS NULL
$$;
