-- Charges `units` of an open hold at its price and at its end lets go of the rest; returns what was
-- charged. What is charged in a period adds up to the price of the whole period's units, whatever
-- the order. It comes out of the money set aside: the hold's own, then what the other open holds of
-- the price and period do not need for what is still pending, then money that is free; what
-- nothing covers is not charged, and the hold says how much that was. At its end what is left goes to those
-- others as long as they have too little for what is pending, and only then goes free.
-- `closed` are holds that this call has ended already. The caller holds the locks of the account
-- and of the currency's balance.
CREATE FUNCTION hold_charge(
  of_hold uuid, units numeric, closing boolean, closed uuid[], business_now timestamptz
) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  h ledger_hold%ROWTYPE;
  u ledger_ratedusage%ROWTYPE;
  price prices_price;
  d record;
  s record;
  cost numeric := 0; rest numeric := 0; part numeric; freed numeric := 0; lent numeric := 0;
  surplus numeric := 0; handed numeric := 0; after numeric; waiting numeric; others numeric;
  remaining jsonb := '[]'; kept jsonb; heir uuid; lots uuid[] := '{}'; amounts numeric[] := '{}'; due boolean;
BEGIN
  SELECT * INTO h FROM ledger_hold WHERE id = of_hold;
  SELECT * INTO u FROM ledger_ratedusage WHERE id = h.rated_usage_id;
  SELECT * INTO price FROM prices_price p WHERE p.id = h.price_id;
  IF units > 0 THEN cost := price_cost(price, u.used, units); END IF;
  after := u.used + units;
  waiting := u.pending - CASE WHEN closing THEN h.rated - h.rated_captured ELSE units END;

  rest := cost;
  FOR d IN SELECT (x ->> 0)::uuid AS lot, (x ->> 1)::numeric AS amount
           FROM jsonb_array_elements(h.charges) x
  LOOP
    part := least(rest, d.amount);
    rest := rest - part;
    IF part > 0 THEN
      lots := lots || d.lot; amounts := amounts || part; freed := freed + part;
      UPDATE ledger_grant g SET held = g.held - part, consumed = g.consumed + part
      WHERE g.id = d.lot;
    END IF;
    IF d.amount > part THEN
      remaining := remaining || jsonb_build_array(jsonb_build_array(d.lot, d.amount - part));
      surplus := surplus + d.amount - part;
    END IF;
  END LOOP;

  IF rest > 0 OR (closing AND surplus > 0) THEN
    others := u.aside - freed - surplus;
    IF rest > 0 AND others > 0 THEN
      lent := greatest(least(rest, others - price_cost(price, after, waiting)), 0);
      rest := rest - lent; freed := freed + lent;
      FOR s IN
        SELECT x.id, x.charges FROM ledger_hold x
        WHERE lent > 0 AND x.rated_usage_id = u.id AND x.state = 'held' AND x.id <> of_hold
          AND x.id <> ALL (closed) AND x.charges <> '[]' ORDER BY x.id
      LOOP
        EXIT WHEN lent = 0;
        kept := '[]';
        FOR d IN SELECT (x ->> 0)::uuid AS lot, (x ->> 1)::numeric AS amount
                 FROM jsonb_array_elements(s.charges) x
        LOOP
          part := least(d.amount, lent);
          lent := lent - part;
          IF part > 0 THEN
            lots := lots || d.lot; amounts := amounts || part;
            UPDATE ledger_grant g SET held = g.held - part, consumed = g.consumed + part
            WHERE g.id = d.lot;
          END IF;
          IF d.amount > part THEN
            kept := kept || jsonb_build_array(jsonb_build_array(d.lot, d.amount - part));
          END IF;
        END LOOP;
        UPDATE ledger_hold x SET charges = kept WHERE x.id = s.id;
      END LOOP;
    END IF;
    IF closing AND surplus > 0 THEN
      IF waiting > 0 THEN
        handed := least(surplus, greatest(price_cost(price, after, waiting) - others, 0));
        SELECT x.id INTO heir FROM ledger_hold x
        WHERE handed > 0 AND x.rated_usage_id = u.id AND x.state = 'held' AND x.id <> of_hold
          AND x.id <> ALL (closed) AND x.rated > x.rated_captured ORDER BY x.id LIMIT 1;
        IF heir IS NULL THEN handed := 0; END IF;
      END IF;
      freed := freed + surplus - handed;
      FOR d IN SELECT (x ->> 0)::uuid AS lot, (x ->> 1)::numeric AS amount
               FROM jsonb_array_elements(remaining) x
      LOOP
        part := least(handed, d.amount);
        handed := handed - part;
        IF part > 0 THEN
          UPDATE ledger_hold x
          SET charges = x.charges || jsonb_build_array(jsonb_build_array(d.lot, part))
          WHERE x.id = heir;
        END IF;
        UPDATE ledger_grant g SET held = g.held - (d.amount - part)
        WHERE g.id = d.lot AND d.amount > part;
      END LOOP;
    END IF;
  END IF;
  UPDATE ledger_ratedusage r SET used = after, pending = waiting,
    aside = r.aside - freed WHERE r.id = u.id;

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
