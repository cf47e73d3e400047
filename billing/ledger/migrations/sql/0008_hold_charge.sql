-- Charges `units` of an open hold at its price, out of the money set aside, and at its end lets go
-- of the rest; returns what was charged. What is charged in a period adds up to the price of the
-- whole period's units, whatever the order. Should the order make a hold dearer than what it set
-- aside, the difference comes from money that is free, and what nothing covers is not charged: the hold
-- says how much that was.
-- The caller holds the locks of the account and of the currency's balance.
CREATE OR REPLACE FUNCTION hold_charge(
  of_hold uuid, units numeric, closing boolean, business_now timestamptz
) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  h ledger_hold%ROWTYPE;
  u ledger_ratedusage%ROWTYPE;
  price prices_price;
  d record;
  cost numeric := 0; rest numeric := 0; part numeric; gone numeric; freed numeric := 0;
  remaining jsonb := '[]'; lots uuid[] := '{}'; amounts numeric[] := '{}'; due boolean;
BEGIN
  SELECT * INTO h FROM ledger_hold WHERE id = of_hold;
  SELECT * INTO u FROM ledger_ratedusage WHERE id = h.rated_usage_id;
  IF units > 0 THEN
    SELECT * INTO price FROM prices_price p WHERE p.id = h.price_id;
    cost := price_cost(price, u.used, units);
  END IF;
  UPDATE ledger_ratedusage r SET used = r.used + units,
    pending = r.pending - CASE WHEN closing THEN h.rated - h.rated_captured ELSE units END
  WHERE r.id = u.id;

  rest := cost;
  FOR d IN SELECT (x ->> 0)::uuid AS lot, (x ->> 1)::numeric AS amount
           FROM jsonb_array_elements(h.charges) x
  LOOP
    part := least(rest, d.amount);
    rest := rest - part;
    gone := CASE WHEN closing THEN d.amount ELSE part END;
    freed := freed + gone;
    UPDATE ledger_grant g SET held = g.held - gone, consumed = g.consumed + part WHERE g.id = d.lot;
    IF part > 0 THEN lots := lots || d.lot; amounts := amounts || part; END IF;
    IF d.amount > gone THEN
      remaining := remaining || jsonb_build_array(jsonb_build_array(d.lot, d.amount - gone));
    END IF;
  END LOOP;
  IF rest > 0 THEN
    FOR d IN
      SELECT g.id AS lot, g.amount - g.held - g.consumed - g.expired - g.voided AS amount
      FROM ledger_grant g
      WHERE g.organization_id = h.organization_id AND g.unit = h.currency AND g.active
        AND (g.expires_at IS NULL OR g.expires_at > business_now)
        AND g.amount > g.held + g.consumed + g.expired + g.voided
      ORDER BY g.priority, g.expires_at NULLS LAST, (g.kind = 'promotional') DESC, g.effective_at,
               g.id
    LOOP
      EXIT WHEN rest = 0;
      part := least(rest, d.amount);
      rest := rest - part;
      UPDATE ledger_grant g SET consumed = g.consumed + part WHERE g.id = d.lot;
      lots := lots || d.lot; amounts := amounts || part;
    END LOOP;
    cost := cost - rest;
  END IF;

  UPDATE ledger_balance b SET held = b.held - freed, consumed = b.consumed + cost
  WHERE b.organization_id = h.organization_id AND b.unit = h.currency
  RETURNING b.consumed >= b.alert_at INTO due;
  IF cardinality(lots) > 0 THEN
    PERFORM ledger_post('capture', 'revenue', array_fill(of_hold, ARRAY[cardinality(lots)]), lots,
                        amounts, array_fill(of_hold, ARRAY[cardinality(lots)]), business_now);
  END IF;
  IF due THEN PERFORM balance_alert(h.organization_id, h.currency, business_now); END IF;
  UPDATE ledger_hold SET rated_captured = rated_captured + units, charged = charged + cost,
    uncovered = uncovered + rest,
    charges = CASE WHEN closing THEN charges ELSE remaining END
  WHERE id = of_hold;
  RETURN cost;
END
$$;
