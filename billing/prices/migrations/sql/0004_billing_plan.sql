-- The code of the plan an organization is on; empty for none. The app `plans` replaces it.
CREATE FUNCTION billing_plan(organization uuid, at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT ''::text $$;
