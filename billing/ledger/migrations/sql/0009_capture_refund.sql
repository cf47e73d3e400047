-- Refunds `of_units` units of what a hold captured, once per key: units charged at the price first,
-- with their share of the money, then those of the meter's grants. The sum of a hold's refunds
-- never exceeds what it captured.
CREATE FUNCTION capture_refund(
  organization uuid, of_hold uuid, of_units numeric, of_key text, of_reason text,
  business_now timestamptz DEFAULT NULL
) RETURNS TABLE (code text, refund_id uuid, units numeric, charge numeric, left_over numeric)
LANGUAGE plpgsql
-- As in hold_take: by index, whatever the statistics say. A hold has a handful of limits.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  today timestamptz := coalesce(business_now, clock_timestamp());
  h ledger_hold%ROWTYPE;
  earlier ledger_capturerefund%ROWTYPE;
  rated_units numeric; priced numeric; bare numeric := 0;
  c record; part numeric; total numeric; back numeric; rest jsonb := '{}';
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO h FROM ledger_hold l WHERE l.id = of_hold AND l.organization_id = organization;
  IF NOT FOUND THEN code := 'hold_unknown'; RETURN NEXT; RETURN; END IF;
  PERFORM accounts_keep(ARRAY[organization]);
  PERFORM FROM ledger_customeraccount a WHERE a.organization_id = organization FOR UPDATE;
  PERFORM FROM ledger_balance b
  WHERE b.organization_id = organization AND b.unit IN (h.unit, h.currency)
  ORDER BY b.unit FOR UPDATE;
  SELECT * INTO h FROM ledger_hold l WHERE l.id = of_hold;
  left_over := trim_scale(h.captured - h.refunded);

  SELECT * INTO earlier FROM ledger_capturerefund e
  WHERE e.organization_id = organization AND e.key = of_key;
  IF FOUND THEN
    code := CASE WHEN (earlier.hold_id, earlier.units) = (of_hold, of_units) THEN 'duplicate'
                 ELSE 'mismatch' END;
    refund_id := earlier.id; units := trim_scale(earlier.units); charge := trim_scale(earlier.charge);
    RETURN NEXT; RETURN;
  ELSIF NOT amount_valid(of_units) OR of_units = 0 OR coalesce(of_key, '') = '' THEN
    code := 'invalid'; RETURN NEXT; RETURN;
  ELSIF of_units > h.captured - h.refunded THEN
    code := 'exceeds_capture'; RETURN NEXT; RETURN;
  END IF;

  PERFORM balance_refresh(organization, h.unit, today);
  IF h.currency <> '' THEN PERFORM balance_refresh(organization, h.currency, today); END IF;
  priced := h.rated_captured - h.rated_refunded;
  rated_units := least(of_units, priced);
  charge := CASE WHEN rated_units = priced THEN h.charged - h.charge_refunded
                 ELSE trunc((h.charged - h.charge_refunded) * rated_units / priced, 12) END;
  -- Units that nothing covered (see hold_take) cost nothing: they are the first to go.
  IF h.currency = '' THEN bare := least(of_units, h.uncovered); END IF;
  code := 'refunded'; refund_id := anneal_uuid7(); units := trim_scale(of_units);
  left_over := trim_scale(h.captured - h.refunded - of_units);
  INSERT INTO ledger_capturerefund (id, created_at, organization_id, hold_id, key, units, charge,
                                    reason, booked_at)
  VALUES (refund_id, clock_timestamp(), organization, of_hold, of_key, of_units, charge, of_reason,
          today);
  UPDATE ledger_hold l SET refunded = l.refunded + of_units,
    rated_refunded = l.rated_refunded + rated_units, charge_refunded = l.charge_refunded + charge,
    uncovered = l.uncovered - bare
  WHERE l.id = of_hold;
  PERFORM grants_refund(organization, of_hold, h.currency, charge, refund_id, today);
  PERFORM grants_refund(organization, of_hold, h.unit, of_units - rated_units - bare, refund_id, today);
  -- A grant that was used up had no end to wait for; what came back to it has one again.
  PERFORM balance_refresh(organization, h.unit, today);
  IF h.currency <> '' THEN PERFORM balance_refresh(organization, h.currency, today); END IF;
  -- What was captured before a limit came to the hold never counted against it. A limit may count
  -- a hold in several windows: together they give back what is refunded, once.
  FOR c IN
    SELECT k.id, n.limit_id, s.unit = h.unit AS of_unit,
           coalesce((h.limits_from ->> k.id)::numeric, 0) AS since
    FROM jsonb_object_keys(h.limits) AS k (id)
    JOIN ledger_limitcount n ON n.id = k.id::uuid
    JOIN ledger_spendinglimit s ON s.id = n.limit_id
    ORDER BY n.limit_id, n.begins_at DESC, n.id
  LOOP
    total := CASE WHEN c.of_unit THEN h.captured - h.refunded ELSE h.charged - h.charge_refunded END;
    back := coalesce((rest ->> c.limit_id::text)::numeric,
                     CASE WHEN c.of_unit THEN of_units ELSE charge END);
    part := least(back, total - c.since);
    rest := rest || jsonb_build_object(c.limit_id, back - part);
    UPDATE ledger_limitcount n SET used = greatest(n.used - part, 0) WHERE n.id = c.id::uuid;
    IF c.since > 0 THEN
      UPDATE ledger_hold l SET limits_from = l.limits_from || jsonb_build_object(
        c.id, c.since + part - CASE WHEN c.of_unit THEN of_units ELSE charge END)
      WHERE l.id = of_hold;
    END IF;
  END LOOP;
  charge := trim_scale(charge);
  RETURN NEXT;
END
$$;
