-- Makes the organization's account row if it has none, and locks it: what follows in this
-- transaction happens before or after each decision on the organization's holds, not during one.
-- Making the row waits for all who acted without one and are still in their transaction; so whoever
-- will need the row opens the account before anything else.
CREATE FUNCTION account_open(organization uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM FROM ledger_customeraccount a WHERE a.organization_id = organization FOR UPDATE;
  IF FOUND THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(account_key(organization));
  INSERT INTO ledger_customeraccount (id, created_at, organization_id, currency, parked_reason)
  VALUES (anneal_uuid7(), clock_timestamp(), organization, '', '')
  ON CONFLICT (organization_id) DO NOTHING;
  PERFORM FROM ledger_customeraccount a WHERE a.organization_id = organization FOR UPDATE;
END
$$;
