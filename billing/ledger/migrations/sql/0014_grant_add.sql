-- Gives units once per (organization, unit, source); the same source again returns the first grant.
-- Money is kept in one currency per organization: the first grant of money decides which. A unit that
-- nothing counts, and a new grant that has ended before it begins, are refused as check_violation.
CREATE FUNCTION grant_add(
  organization uuid, of_unit text, of_kind text, of_amount numeric, of_priority integer,
  begins_at timestamptz, ends_at timestamptz, of_source text, business_now timestamptz
) RETURNS TABLE (grant_id uuid, added boolean) LANGUAGE plpgsql AS $$
DECLARE
  money text;
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF of_unit ~ '^[A-Z]{3}$' THEN
    PERFORM account_open(organization);
    UPDATE ledger_customeraccount a
    SET currency = CASE WHEN a.currency = '' THEN of_unit ELSE a.currency END
    WHERE a.organization_id = organization RETURNING a.currency INTO money;
    IF money <> of_unit THEN
      RAISE EXCEPTION 'the account of % is kept in %, not in %', organization, money, of_unit
        USING ERRCODE = 'check_violation';
    END IF;
  ELSIF NOT EXISTS (SELECT FROM prices_meter m WHERE m.code = of_unit) THEN
    RAISE EXCEPTION 'no meter counts %', of_unit USING ERRCODE = 'check_violation';
  ELSE
    PERFORM accounts_keep(ARRAY[organization]);
    PERFORM FROM ledger_customeraccount a WHERE a.organization_id = organization FOR UPDATE;
  END IF;
  INSERT INTO ledger_balance (id, created_at, organization_id, unit, granted, held, consumed, expired,
                              cycle_base, cycle_from)
  VALUES (anneal_uuid7(), clock_timestamp(), organization, of_unit, 0, 0, 0, 0, 0, 0)
  ON CONFLICT (organization_id, unit) DO NOTHING;
  PERFORM FROM ledger_balance b WHERE b.organization_id = organization AND b.unit = of_unit FOR UPDATE;

  INSERT INTO ledger_grant (id, created_at, organization_id, unit, kind, amount, priority,
                            effective_at, expires_at, source, active, held, consumed, expired, voided)
  VALUES (anneal_uuid7(), clock_timestamp(), organization, of_unit, of_kind, of_amount, of_priority,
          begins_at, ends_at, of_source, false, 0, 0, 0, 0)
  ON CONFLICT (organization_id, unit, source) DO NOTHING
  RETURNING id INTO grant_id;
  added := grant_id IS NOT NULL;
  IF added AND ends_at <= greatest(begins_at, business_now) THEN
    RAISE EXCEPTION 'a grant ends after it begins and after now, not at %', ends_at
      USING ERRCODE = 'check_violation';
  ELSIF added THEN
    PERFORM balance_refresh(organization, of_unit, business_now);
  ELSE
    SELECT g.id INTO grant_id FROM ledger_grant g
    WHERE g.organization_id = organization AND g.unit = of_unit AND g.source = of_source;
  END IF;
  RETURN NEXT;
END
$$;
