-- Redeems a code for an organization, or says why not. The code's row lock makes redemptions of one
-- code follow each other, so its limit is exact.
CREATE FUNCTION promotion_redeem(organization uuid, of_code text, business_now timestamptz)
RETURNS TABLE (outcome text, redemption_id uuid) LANGUAGE plpgsql AS $$
DECLARE
  p promotions_promotion%ROWTYPE;
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- Two codes that extend one trial follow each other too.
  PERFORM FROM accounts_organization o WHERE o.id = organization FOR NO KEY UPDATE;
  SELECT * INTO p FROM promotions_promotion WHERE code = of_code FOR UPDATE;
  IF NOT FOUND THEN outcome := 'unknown'; RETURN NEXT; RETURN; END IF;
  outcome := CASE
    WHEN EXISTS (SELECT FROM promotions_redemption r
                 WHERE r.organization_id = organization AND r.promotion_id = p.id) THEN 'redeemed'
    WHEN p.ended_at <= business_now THEN 'unknown'
    WHEN p.valid_from > business_now THEN 'not_yet'
    WHEN p.valid_until <= business_now THEN 'over'
    WHEN p.redeemed >= p.max_redemptions THEN 'used_up'
    ELSE 'ok' END;
  IF outcome <> 'ok' THEN RETURN NEXT; RETURN; END IF;

  redemption_id := anneal_uuid7();
  INSERT INTO promotions_redemption (id, created_at, organization_id, promotion_id, code, terms,
                                     redeemed_at)
  VALUES (redemption_id, clock_timestamp(), organization, p.id, p.code,
          jsonb_strip_nulls(jsonb_build_object(
            'kind', p.kind, 'percent', trim_scale(p.percent)::text, 'invoices', p.invoices,
            'amount', trim_scale(p.amount)::text, 'currency', p.currency, 'unit', p.unit,
            'units', trim_scale(p.units)::text, 'days', p.days)), business_now);
  UPDATE promotions_promotion SET redeemed = redeemed + 1 WHERE id = p.id;
  IF p.kind IN ('percent', 'amount') THEN
    INSERT INTO promotions_discount (id, created_at, organization_id, redemption_id, percent,
                                     invoices_left, amount, remaining, currency)
    VALUES (anneal_uuid7(), clock_timestamp(), organization, redemption_id, p.percent, p.invoices,
            p.amount, p.amount, p.currency);
  END IF;
  RETURN NEXT;
END
$$;
