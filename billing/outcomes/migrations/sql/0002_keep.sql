-- A published version is a promise: whoever comes, it stays. So is what a customer accepted.
CREATE FUNCTION outcome_policy_version_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.published_at IS NOT NULL THEN
    RAISE EXCEPTION 'a published policy version never changes' USING ERRCODE = 'check_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER outcomes_policyversion_keep BEFORE UPDATE OR DELETE ON outcomes_outcomepolicyversion
FOR EACH ROW EXECUTE FUNCTION outcome_policy_version_keep();

CREATE FUNCTION outcome_contract_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moving text[] := ARRAY['ended_at', 'ended_by'];
BEGIN
  IF OLD.ended_at IS NOT NULL
     OR to_jsonb(NEW) - moving IS DISTINCT FROM to_jsonb(OLD) - moving THEN
    RAISE EXCEPTION 'an accepted contract never changes';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER outcomes_contract_keep BEFORE UPDATE ON outcomes_outcomecontract
FOR EACH ROW EXECUTE FUNCTION outcome_contract_keep();
