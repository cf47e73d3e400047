-- The code of the plan an organization is on; empty for none.
CREATE OR REPLACE FUNCTION billing_plan(organization uuid, at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT p.code FROM plans_subscription s
    JOIN plans_planversion v ON v.id = s.plan_version_id JOIN plans_plan p ON p.id = v.plan_id
    WHERE s.organization_id = organization AND s.starts_at <= at
      AND (s.ends_at IS NULL OR s.ends_at > at)), '')
$$;
