-- Tells an organization what became of its plan, once per rule and moment: a notice that is shown
-- and mailed as those of thresholds are. `subject` is the plan meant.
CREATE FUNCTION account_notice(
  organization uuid, of_rule text, subject text, at timestamptz, business_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  ELSIF of_rule NOT LIKE 'plan:%' THEN
    RAISE EXCEPTION 'thresholds are told by what reaches them' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO ledger_notice (id, created_at, organization_id, rule, period, threshold, unit, used,
                             amount, reached_at)
  VALUES (anneal_uuid7(), clock_timestamp(), organization, of_rule, at, 0, subject, 0, 0,
          business_now)
  ON CONFLICT (organization_id, rule, period, threshold) DO NOTHING;
END
$$;
