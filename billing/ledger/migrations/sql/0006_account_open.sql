-- Makes the organization's account row if it has none, and locks it: what follows in this
-- transaction happens before or after each decision on the organization's holds, not during one.
CREATE FUNCTION account_open(organization uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO ledger_customeraccount (id, created_at, organization_id, currency, parked_reason)
  VALUES (anneal_uuid7(), clock_timestamp(), organization, '', '')
  ON CONFLICT (organization_id) DO NOTHING;
  PERFORM FROM ledger_customeraccount a WHERE a.organization_id = organization FOR UPDATE;
END
$$;
