-- Parks an organization's account for a reason, or with an empty one frees it; says whether that
-- changed anything. A parked account takes no new holds; what is held may still be settled.
CREATE FUNCTION account_park(organization uuid, reason text, business_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  was boolean;
BEGIN
  -- Whoever could free an account from inside its own scope could free itself.
  IF current_setting('role') <> 'anneal_system' THEN
    RAISE EXCEPTION 'parking needs the system''s scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM account_open(organization);
  SELECT a.parked_at IS NOT NULL INTO was FROM ledger_customeraccount a
  WHERE a.organization_id = organization;
  IF was = (reason <> '') THEN RETURN false; END IF;
  UPDATE ledger_customeraccount a
  SET parked_at = CASE WHEN reason <> '' THEN business_now END, parked_reason = reason
  WHERE a.organization_id = organization;
  RETURN true;
END
$$;
