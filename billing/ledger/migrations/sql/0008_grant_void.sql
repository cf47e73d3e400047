-- Takes back what is neither consumed nor held of a grant; returns how much that was. The account is
-- locked before the balance, as everywhere: whoever voids and gives anew in one transaction would
-- otherwise wait for a call that waits for it.
CREATE FUNCTION grant_void(organization uuid, of_grant uuid, business_now timestamptz)
RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  target ledger_grant%ROWTYPE;
  rest numeric;
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO target FROM ledger_grant WHERE id = of_grant AND organization_id = organization;
  IF NOT FOUND THEN RETURN NULL; END IF;
  PERFORM accounts_keep(ARRAY[organization]);
  PERFORM FROM ledger_customeraccount a WHERE a.organization_id = organization FOR UPDATE;
  PERFORM FROM ledger_balance WHERE organization_id = organization AND unit = target.unit FOR UPDATE;
  PERFORM balance_refresh(organization, target.unit, business_now);
  SELECT * INTO target FROM ledger_grant WHERE id = of_grant;
  rest := target.amount - target.held - target.consumed - target.expired - target.voided;
  IF rest = 0 THEN RETURN 0; END IF;
  UPDATE ledger_grant SET voided = voided + rest WHERE id = of_grant;
  IF target.active THEN
    UPDATE ledger_balance SET granted = granted - rest
    WHERE organization_id = organization AND unit = target.unit;
    PERFORM ledger_post('void', 'issued', ARRAY[anneal_uuid7()], ARRAY[of_grant], ARRAY[rest],
                        ARRAY[NULL::uuid], business_now);
  END IF;
  RETURN rest;
END
$$;
