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
  rated_units numeric;
  priced numeric;
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
  code := 'refunded'; refund_id := anneal_uuid7(); units := trim_scale(of_units);
  left_over := trim_scale(h.captured - h.refunded - of_units);
  INSERT INTO ledger_capturerefund (id, created_at, organization_id, hold_id, key, units, charge,
                                    reason, booked_at)
  VALUES (refund_id, clock_timestamp(), organization, of_hold, of_key, of_units, charge, of_reason,
          today);
  UPDATE ledger_hold l SET refunded = l.refunded + of_units,
    rated_refunded = l.rated_refunded + rated_units, charge_refunded = l.charge_refunded + charge,
    limits_from = (
      SELECT coalesce(jsonb_object_agg(f.id, least((f.since #>> '{}')::numeric,
               CASE WHEN s.unit = h.unit THEN h.captured - h.refunded - of_units
                    ELSE h.charged - h.charge_refunded - charge END)), '{}')
      FROM jsonb_each(h.limits_from) AS f (id, since)
      JOIN ledger_limitcount n ON n.id = f.id::uuid
      JOIN ledger_spendinglimit s ON s.id = n.limit_id)
  WHERE l.id = of_hold;
  PERFORM grants_refund(organization, of_hold, h.currency, charge, refund_id, today);
  PERFORM grants_refund(organization, of_hold, h.unit, of_units - rated_units, refund_id, today);
  -- A grant that was used up had no end to wait for; what came back to it has one again.
  PERFORM balance_refresh(organization, h.unit, today);
  IF h.currency <> '' THEN PERFORM balance_refresh(organization, h.currency, today); END IF;
  -- What was captured before a limit came to the hold never counted against it.
  UPDATE ledger_limitcount n
  SET used = greatest(n.used - CASE WHEN s.unit = h.unit
        THEN least(of_units, h.captured - h.refunded - x.since)
        ELSE least(charge, h.charged - h.charge_refunded - x.since) END, 0)
  FROM (SELECT k.id::uuid AS id, coalesce((h.limits_from ->> k.id)::numeric, 0) AS since
        FROM jsonb_object_keys(h.limits) AS k (id)) x, ledger_spendinglimit s
  WHERE n.id = x.id AND s.id = n.limit_id;
  charge := trim_scale(charge);
  RETURN NEXT;
END
$$;
