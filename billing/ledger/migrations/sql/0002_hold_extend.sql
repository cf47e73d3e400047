-- Keeps a hold alive for `ttl_seconds` more from now and takes `extra` more onto it, or neither.
CREATE FUNCTION hold_extend(
  organization uuid, of_hold uuid, ttl_seconds numeric, extra numeric,
  business_now timestamptz DEFAULT NULL
) RETURNS TABLE (code text, available numeric, ends_at timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  today timestamptz := coalesce(business_now, clock_timestamp());
  hold ledger_hold%ROWTYPE;
  lot record; need numeric := extra; part numeric; more jsonb := '[]';
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO hold FROM ledger_hold h WHERE h.id = of_hold AND h.organization_id = organization;
  IF NOT FOUND THEN code := 'hold_unknown'; RETURN NEXT; RETURN; END IF;
  PERFORM FROM ledger_balance b
  WHERE b.organization_id = organization AND b.unit = hold.unit FOR UPDATE;
  PERFORM balance_refresh(organization, hold.unit, today);
  SELECT * INTO hold FROM ledger_hold h WHERE h.id = of_hold;
  IF hold.state <> 'held' THEN code := 'hold_closed'; RETURN NEXT; RETURN; END IF;
  IF NOT amount_valid(extra) OR NOT amount_valid(hold.amount + extra)
     OR NOT coalesce(ttl_seconds BETWEEN 1 AND 2592000, false) THEN
    code := 'invalid'; RETURN NEXT; RETURN;
  END IF;

  SELECT coalesce(trim_scale(sum(g.amount - g.held - g.consumed - g.expired - g.voided)), 0),
         max(g.expires_at) FILTER (WHERE g.kind = 'promotional')
  INTO available, ends_at FROM ledger_grant g
  WHERE g.organization_id = organization AND g.unit = hold.unit AND g.active
    AND (g.expires_at IS NULL OR g.expires_at > today);
  IF available < extra THEN code := 'quota_exhausted'; RETURN NEXT; RETURN; END IF;

  FOR lot IN
    SELECT g.id, g.amount - g.held - g.consumed - g.expired - g.voided AS rest FROM ledger_grant g
    WHERE g.organization_id = organization AND g.unit = hold.unit AND g.active
      AND (g.expires_at IS NULL OR g.expires_at > today)
      AND g.amount > g.held + g.consumed + g.expired + g.voided
    ORDER BY g.priority, g.expires_at NULLS LAST, (g.kind = 'promotional') DESC, g.effective_at,
             g.id
  LOOP
    EXIT WHEN need = 0;
    part := least(need, lot.rest);
    UPDATE ledger_grant SET held = held + part WHERE id = lot.id;
    more := more || jsonb_build_array(jsonb_build_array(lot.id, part));
    need := need - part;
  END LOOP;
  UPDATE ledger_balance SET held = held + extra
  WHERE organization_id = organization AND unit = hold.unit;
  UPDATE ledger_hold h SET amount = h.amount + extra, draws = h.draws || more,
    expires_at = clock_timestamp() + make_interval(secs => ttl_seconds::double precision)
  WHERE h.id = of_hold;
  code := 'extended'; available := available - extra;
  RETURN NEXT;
END
$$;
