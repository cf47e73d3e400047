-- Takes a discount off an amount, once per key: the same key and amount return what was taken then,
-- another amount under the key is a `mismatch`. Never more than the amount, never more than is left.
-- `unknown` for a discount the organization does not have.
CREATE FUNCTION discount_draw(
  organization uuid, of_discount uuid, of_key text, of_amount numeric, of_currency text,
  business_now timestamptz
) RETURNS TABLE (code text, taken numeric) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  d promotions_discount%ROWTYPE;
  earlier promotions_discountdraw%ROWTYPE;
BEGIN
  IF NOT app.acts_for(organization) THEN
    RAISE EXCEPTION 'no scope of organization % is open', organization
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NOT amount_valid(of_amount) THEN
    RAISE EXCEPTION 'an amount is from 0 to 10^15 with at most 12 decimals, not %', of_amount
      USING ERRCODE = 'check_violation';
  END IF;
  SELECT * INTO d FROM promotions_discount
  WHERE id = of_discount AND organization_id = organization FOR UPDATE;
  IF NOT FOUND THEN code := 'unknown'; RETURN NEXT; RETURN; END IF;
  SELECT * INTO earlier FROM promotions_discountdraw w
  WHERE w.organization_id = organization AND w.discount_id = d.id AND w.key = of_key;
  IF FOUND THEN
    code := CASE WHEN (earlier.asked, earlier.currency) <> (of_amount, of_currency) THEN 'mismatch'
                 ELSE 'duplicate' END;
    taken := earlier.amount;
    RETURN NEXT; RETURN;
  END IF;

  taken := CASE
    WHEN d.percent IS NULL AND d.currency = of_currency THEN least(of_amount, d.remaining)
    WHEN d.invoices_left > 0 THEN round(of_amount * d.percent * 0.01, 12)
    ELSE 0 END;
  code := 'drawn';
  -- An invoice of nothing uses nothing up.
  IF taken <= 0 THEN taken := 0; RETURN NEXT; RETURN; END IF;
  UPDATE promotions_discount SET remaining = remaining - taken, invoices_left = invoices_left - 1
  WHERE id = d.id;
  INSERT INTO promotions_discountdraw (id, created_at, organization_id, discount_id, key, amount,
                                       asked, currency, drawn_at)
  VALUES (anneal_uuid7(), clock_timestamp(), organization, d.id, of_key, taken, of_amount,
          of_currency, business_now);
  RETURN NEXT;
END
$$;
