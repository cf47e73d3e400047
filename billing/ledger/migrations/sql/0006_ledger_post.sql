-- Books one journal per element: value moves between a grant's credit account and `other`.
-- A positive amount takes from the credit account, a negative one (a new grant, a refund) adds to
-- it. What a credit line pays is owed, not earned, and what is left of one at its end is nobody's.
CREATE OR REPLACE FUNCTION ledger_post(
  entry_kind text, other text, journals uuid[], grants uuid[], amounts numeric[], holds uuid[],
  business_now timestamptz
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ledger_ledgerentry (id, created_at, organization_id, journal_id, kind, account, unit,
                                  amount, grant_id, hold_id, booked_at)
  SELECT anneal_uuid7(), clock_timestamp(), g.organization_id, e.journal_id, entry_kind,
         CASE WHEN side.sign > 0 AND g.kind = 'credit_line' AND other = 'revenue' THEN 'receivable'
              WHEN side.sign > 0 AND g.kind = 'credit_line' AND other = 'breakage' THEN 'lapsed'
              WHEN side.sign > 0 THEN other
              WHEN g.kind = 'purchased' THEN 'customer_credit'
              WHEN g.kind = 'credit_line' THEN 'credit_line'
              ELSE 'promotional_credit' END,
         g.unit, e.amount * side.sign, g.id, e.hold_id, business_now
  FROM unnest(journals, grants, amounts, holds) AS e (journal_id, grant_id, amount, hold_id)
  JOIN ledger_grant g ON g.id = e.grant_id
  CROSS JOIN (VALUES (-1), (1)) AS side (sign)
$$;
