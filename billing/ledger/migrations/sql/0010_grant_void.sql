-- Takes back what is neither consumed nor held of a grant; returns how much that was. The account is
-- locked before the balance, as everywhere: whoever voids and gives anew in one transaction would
-- otherwise wait for a call that waits for it. What is used is then more of what counts, so
-- thresholds may be reached; `replaced` says that the caller gives anew at once, which begins a
-- cycle of its own, and tells none.
CREATE FUNCTION grant_void(
  organization uuid, of_grant uuid, business_now timestamptz, replaced boolean DEFAULT false
) RETURNS numeric LANGUAGE plpgsql AS $$
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
    UPDATE ledger_balance SET granted = granted - rest,
      cycle_base = greatest(granted - rest - cycle_from - expired, 0)
    WHERE organization_id = organization AND unit = target.unit;
    PERFORM ledger_post('void', 'issued', ARRAY[anneal_uuid7()], ARRAY[of_grant], ARRAY[rest],
                        ARRAY[NULL::uuid], business_now);
    IF NOT replaced THEN
      PERFORM balance_alert(organization, target.unit, business_now);
    END IF;
  END IF;
  RETURN rest;
END
$$;
