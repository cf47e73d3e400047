-- Gives `amount` of a hold's captures of one unit back to the grants they drew, the last drawn
-- first, as if that part had never been captured. What goes back to a grant that has ended: bought
-- credit is given anew for 30 days, anything else ends again at once. The caller holds the locks.
CREATE FUNCTION grants_refund(
  organization uuid, of_hold uuid, of_unit text, amount numeric, of_refund uuid,
  business_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a record;
  rest numeric := amount;
  part numeric;
BEGIN
  FOR a IN
    SELECT g.id, g.kind, g.priority, g.expires_at <= business_now AS over, e.net
    FROM (SELECT l.grant_id, sum(l.amount) AS net FROM ledger_ledgerentry l
          WHERE l.organization_id = organization AND l.journal_id = of_hold AND l.unit = of_unit
            AND l.account IN ('revenue', 'receivable')
          GROUP BY l.grant_id) e
    JOIN ledger_grant g ON g.id = e.grant_id
    WHERE e.net > 0
    ORDER BY g.priority DESC, g.expires_at DESC NULLS FIRST, (g.kind = 'promotional'),
             g.effective_at DESC, g.id DESC
  LOOP
    EXIT WHEN rest = 0;
    part := least(rest, a.net);
    rest := rest - part;
    PERFORM ledger_post('refund', 'revenue', ARRAY[of_hold], ARRAY[a.id], ARRAY[-part],
                        ARRAY[of_hold], business_now);
    UPDATE ledger_balance b SET consumed = b.consumed - part
    WHERE b.organization_id = organization AND b.unit = of_unit;
    UPDATE ledger_grant g SET consumed = g.consumed - part WHERE g.id = a.id;
    CONTINUE WHEN NOT coalesce(a.over, false);
    IF a.kind <> 'purchased' THEN
      UPDATE ledger_grant g SET expired = g.expired + part WHERE g.id = a.id;
      UPDATE ledger_balance b SET expired = b.expired + part
      WHERE b.organization_id = organization AND b.unit = of_unit;
      PERFORM ledger_post('expiry', 'breakage', ARRAY[anneal_uuid7()], ARRAY[a.id], ARRAY[part],
                          ARRAY[NULL::uuid], business_now);
      CONTINUE;
    END IF;
    UPDATE ledger_grant g SET voided = g.voided + part WHERE g.id = a.id;
    UPDATE ledger_balance b SET granted = b.granted - part
    WHERE b.organization_id = organization AND b.unit = of_unit;
    PERFORM ledger_post('void', 'issued', ARRAY[anneal_uuid7()], ARRAY[a.id], ARRAY[part],
                        ARRAY[NULL::uuid], business_now);
    PERFORM grant_add(organization, of_unit, a.kind, part, a.priority, business_now,
                      business_now + interval '30 days', 'refund:' || of_refund || ':' || a.id,
                      business_now);
  END LOOP;
END
$$;
