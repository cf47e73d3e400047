"""The ledger's checks as SQL: what a projection says (found), and what it projects (expected)."""

from typing import Final

from billing.metering.reconcile import narrowed

CHECKS: Final = """
WITH booked AS (
  SELECT organization_id, unit,
         -coalesce(sum(amount) FILTER (WHERE account = 'issued'), 0) AS granted,
         coalesce(sum(amount) FILTER (WHERE account IN ('revenue', 'receivable')), 0) AS consumed,
         coalesce(sum(amount) FILTER (WHERE account IN ('breakage', 'lapsed')), 0) AS expired
  FROM ledger_ledgerentry GROUP BY organization_id, unit
), booked_grants AS (
  SELECT grant_id, -sum(amount) FILTER (WHERE account = 'issued') AS issued,
         sum(amount) FILTER (WHERE account IN ('revenue', 'receivable')) AS consumed,
         sum(amount) FILTER (WHERE account IN ('breakage', 'lapsed')) AS expired
  FROM ledger_ledgerentry GROUP BY grant_id
), pinned AS (
  SELECT (d ->> 0)::uuid AS grant_id, sum((d ->> 1)::numeric) AS held
  FROM ledger_hold CROSS JOIN jsonb_array_elements(draws || charges) d WHERE state = 'held'
  GROUP BY 1
), open_holds AS (
  SELECT g.organization_id, g.unit, sum(p.held) AS held
  FROM pinned p JOIN ledger_grant g ON g.id = p.grant_id GROUP BY g.organization_id, g.unit
), counted AS (
  SELECT organization_id, hold_id, sum(units) AS units FROM metering_usageevent
  WHERE hold_id IS NOT NULL GROUP BY organization_id, hold_id
), charged AS (
  SELECT organization_id, hold_id, unit, sum(amount) AS amount FROM ledger_ledgerentry
  WHERE account IN ('revenue', 'receivable') GROUP BY organization_id, hold_id, unit
), refunded AS (
  SELECT hold_id, sum(units) AS units, sum(charge) AS charge FROM ledger_capturerefund
  GROUP BY hold_id
), rated AS (
  SELECT rated_usage_id, sum(rated_captured) AS used, sum(charged + uncovered) AS cost,
         sum(rated - rated_captured) FILTER (WHERE state = 'held') AS pending
  FROM ledger_hold WHERE rated_usage_id IS NOT NULL GROUP BY rated_usage_id
), set_aside AS (
  SELECT rated_usage_id, sum((d ->> 1)::numeric) AS amount
  FROM ledger_hold CROSS JOIN jsonb_array_elements(charges) d
  WHERE state = 'held' AND rated_usage_id IS NOT NULL GROUP BY 1
), pooled AS (
  SELECT h.organization_id, h.rated_usage_id, n.limit_id, sum(l.value::numeric) AS held
  FROM ledger_hold h CROSS JOIN jsonb_each_text(h.limits) l
  JOIN ledger_limitcount n ON n.id = l.key::uuid
  JOIN ledger_spendinglimit s ON s.id = n.limit_id
  WHERE h.state = 'held' AND h.rated_usage_id IS NOT NULL AND s.unit = h.currency
    AND s.scope IN ('organization', 'plan')
  GROUP BY 1, 2, 3
), limited AS (
  SELECT l.key::uuid AS count_id, sum(l.value::numeric) AS held
  FROM ledger_hold CROSS JOIN jsonb_each_text(limits) l WHERE state = 'held' GROUP BY 1
), counted_limits AS (
  SELECT n.id AS count_id, sum(
           CASE WHEN s.unit = h.unit THEN h.captured - h.refunded
                ELSE h.charged - h.charge_refunded END
           - coalesce((h.limits_from ->> l.key)::numeric, 0)) AS used
  FROM ledger_hold h CROSS JOIN jsonb_object_keys(h.limits) AS l (key)
  JOIN ledger_limitcount n ON n.id = l.key::uuid
  JOIN ledger_spendinglimit s ON s.id = n.limit_id
  WHERE h.limits <> '{}' GROUP BY n.id
), checks (name, organization_id, subject, expected, found) AS (
  SELECT 'ledger.granted', organization_id, unit, k.granted, b.granted
  FROM booked k FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'ledger.consumed', organization_id, unit, k.consumed, b.consumed
  FROM booked k FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'ledger.expired', organization_id, unit, k.expired, b.expired
  FROM booked k FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'holds.held', organization_id, unit, h.held, b.held
  FROM open_holds h FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'grants.issued', g.organization_id, g.id::text, k.issued,
         CASE WHEN g.active THEN g.amount - g.voided ELSE 0 END
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'grants.held', g.organization_id, g.id::text, p.held, g.held
  FROM ledger_grant g LEFT JOIN pinned p ON p.grant_id = g.id
  UNION ALL
  SELECT 'grants.consumed', g.organization_id, g.id::text, k.consumed, g.consumed
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'grants.expired', g.organization_id, g.id::text, k.expired, g.expired
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'holds.drawn', h.organization_id, h.id::text, c.amount,
         h.captured - h.rated_captured - (h.refunded - h.rated_refunded)
         - CASE WHEN h.currency = '' THEN h.uncovered ELSE 0 END
  FROM ledger_hold h LEFT JOIN charged c ON c.hold_id = h.id AND c.unit = h.unit
  UNION ALL
  SELECT 'holds.charged', h.organization_id, h.id::text, c.amount, h.charged - h.charge_refunded
  FROM ledger_hold h LEFT JOIN charged c ON c.hold_id = h.id AND c.unit = h.currency
  UNION ALL
  SELECT 'holds.refunded', h.organization_id, h.id::text, r.units, h.refunded
  FROM ledger_hold h LEFT JOIN refunded r ON r.hold_id = h.id
  UNION ALL
  SELECT 'holds.charge_refunded', h.organization_id, h.id::text, r.charge, h.charge_refunded
  FROM ledger_hold h LEFT JOIN refunded r ON r.hold_id = h.id
  UNION ALL
  SELECT 'rated.used', u.organization_id, u.id::text, r.used, u.used
  FROM ledger_ratedusage u LEFT JOIN rated r ON r.rated_usage_id = u.id
  UNION ALL
  SELECT 'rated.cost', u.organization_id, u.id::text, price_rate(p, u.used), r.cost
  FROM ledger_ratedusage u LEFT JOIN rated r ON r.rated_usage_id = u.id
  LEFT JOIN prices_price p ON p.id = u.price_id
  UNION ALL
  SELECT 'rated.pending', u.organization_id, u.id::text, r.pending, u.pending
  FROM ledger_ratedusage u LEFT JOIN rated r ON r.rated_usage_id = u.id
  UNION ALL
  SELECT 'rated.aside', u.organization_id, u.id::text, a.amount, u.aside
  FROM ledger_ratedusage u LEFT JOIN set_aside a ON a.rated_usage_id = u.id
  UNION ALL
  SELECT 'rated.limits', organization_id, rated_usage_id || ':' || limit_id, p.held, u.held
  FROM pooled p FULL JOIN (
    SELECT r.organization_id, r.id AS rated_usage_id, l.key::uuid AS limit_id,
           l.value::numeric AS held
    FROM ledger_ratedusage r CROSS JOIN jsonb_each_text(r.limits) l) u
  USING (organization_id, rated_usage_id, limit_id)
  UNION ALL
  SELECT 'limits.held', c.organization_id, c.id::text, l.held, c.held
  FROM ledger_limitcount c LEFT JOIN limited l ON l.count_id = c.id
  UNION ALL
  SELECT 'limits.used', c.organization_id, c.id::text, coalesce(l.used, 0) + c.carried, c.used
  FROM ledger_limitcount c LEFT JOIN counted_limits l ON l.count_id = c.id
  UNION ALL
  -- A count that is gone would begin again at zero: the holds that it counted name it.
  SELECT 'limits.lost', h.organization_id, h.id || ' ' || l.key, 1, 0
  FROM ledger_hold h CROSS JOIN jsonb_object_keys(h.limits) AS l (key)
  LEFT JOIN ledger_limitcount c ON c.id = l.key::uuid
  WHERE h.limits <> '{}' AND c.id IS NULL
  UNION ALL
  SELECT 'usage.counted', h.organization_id, h.id::text, h.captured, c.units
  FROM ledger_hold h LEFT JOIN counted c ON c.hold_id = h.id
  UNION ALL
  -- What is left of an open hold is set aside in its draws, or rated.
  SELECT 'holds.amount', h.organization_id, h.id::text,
         h.captured + h.rated - h.rated_captured
         + (SELECT coalesce(sum((d ->> 1)::numeric), 0) FROM jsonb_array_elements(h.draws) d),
         h.amount
  FROM ledger_hold h WHERE h.state = 'held'
  UNION ALL
  -- What was captured names its hold: one that is gone took its own checks with it.
  SELECT 'holds.lost', c.organization_id, c.hold_id || ' ' || c.unit, c.amount, 0
  FROM charged c LEFT JOIN ledger_hold h
    ON h.id = c.hold_id AND h.organization_id = c.organization_id
  WHERE c.hold_id IS NOT NULL AND h.id IS NULL
  UNION ALL
  SELECT 'usage.lost', c.organization_id, c.hold_id::text, c.units, 0
  FROM counted c LEFT JOIN ledger_hold h
    ON h.id = c.hold_id AND h.organization_id = c.organization_id
  WHERE h.id IS NULL
  UNION ALL
  -- What a line is called follows from its grant: revenue that is owed is no revenue yet.
  SELECT 'journals.account', e.organization_id, e.journal_id || ' ' || e.account, 0, count(*)
  FROM ledger_ledgerentry e JOIN ledger_grant g ON g.id = e.grant_id
  WHERE e.unit <> g.unit OR e.account NOT IN (
    CASE g.kind WHEN 'purchased' THEN 'customer_credit' WHEN 'credit_line' THEN 'credit_line'
         ELSE 'promotional_credit' END,
    CASE WHEN e.kind IN ('grant', 'void') THEN 'issued'
         WHEN e.kind = 'expiry' AND g.kind = 'credit_line' THEN 'lapsed'
         WHEN e.kind = 'expiry' THEN 'breakage'
         WHEN g.kind = 'credit_line' THEN 'receivable' ELSE 'revenue' END)
  GROUP BY e.organization_id, e.journal_id, e.account
  UNION ALL
  SELECT 'journals.zero', organization_id, journal_id::text, 0, sum(amount)
  FROM ledger_ledgerentry GROUP BY organization_id, journal_id, unit
)
SELECT name, organization_id, subject, expected, found FROM (
  SELECT name, organization_id, subject, coalesce(expected, 0) AS expected,
         coalesce(found, 0) AS found,
         row_number() OVER (ORDER BY name, organization_id, subject) AS place,
         row_number() OVER (PARTITION BY name, organization_id ORDER BY subject) AS nth
  FROM checks WHERE coalesce(expected, 0) <> coalesce(found, 0)
) differ
-- However many differ, of each organization and check there is one, so that its account is parked.
WHERE place <= %s OR nth = 1 ORDER BY name, organization_id, subject
"""
"""Of every organization that the open scope shows."""

CHECKS_OF_SOME: Final = narrowed(
    CHECKS,
    "ledger_ledgerentry",
    "ledger_hold",
    "ledger_grant",
    "ledger_balance",
    "ledger_capturerefund",
    "ledger_ratedusage",
    "ledger_limitcount",
    "ledger_spendinglimit",
    "metering_usageevent",
)
"""The same of some: their ids come first, once per table."""

TABLES: Final = 9

OPEN: Final = """
WITH pinned AS (
  SELECT organization_id, (d ->> 0)::uuid AS grant_id, sum((d ->> 1)::numeric) AS held
  FROM ledger_hold CROSS JOIN jsonb_array_elements(draws || charges) d WHERE state = 'held'
  GROUP BY 1, 2
), per_balance AS (
  SELECT g.organization_id, g.unit, sum(p.held) AS held
  FROM pinned p JOIN ledger_grant g ON g.id = p.grant_id GROUP BY 1, 2
), checks (name, organization_id, subject, expected, found) AS (
  SELECT 'holds.held', organization_id, unit, coalesce(p.held, 0), coalesce(b.held, 0)
  FROM per_balance p FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'grants.held', g.organization_id, g.id::text, coalesce(p.held, 0), g.held
  FROM ledger_grant g LEFT JOIN pinned p ON p.grant_id = g.id WHERE g.held <> 0 OR p.held <> 0
)
SELECT name, organization_id, subject, expected, found FROM checks WHERE expected <> found
ORDER BY name, organization_id, subject LIMIT %s
"""
"""What open holds pin, of all: as much work as there are balances and open holds."""

CHANGED: Final = """
SELECT organization_id FROM ledger_ledgerentry WHERE id >= %(since)s
UNION SELECT organization_id FROM metering_usageevent WHERE id >= %(since)s
UNION SELECT organization_id FROM ledger_grant WHERE id >= %(since)s
UNION SELECT organization_id FROM ledger_capturerefund WHERE id >= %(since)s
UNION SELECT organization_id FROM ledger_hold WHERE state = 'held'
UNION SELECT organization_id FROM ledger_hold
      WHERE state IN ('released', 'expired') AND settled_at >= %(moment)s
UNION SELECT organization_id FROM plans_subscriptionperiod WHERE id >= %(since)s
UNION SELECT organization_id FROM promotions_redemption WHERE id >= %(since)s
UNION SELECT organization_id FROM promotions_discountdraw WHERE id >= %(since)s
UNION SELECT organization_id FROM invoices_invoice WHERE id >= %(since)s
UNION SELECT organization_id FROM invoices_invoiceitem WHERE id >= %(since)s
UNION SELECT organization_id FROM invoices_invoicepayment WHERE id >= %(since)s
UNION SELECT organization_id FROM invoices_creditnote WHERE id >= %(since)s
UNION SELECT organization_id FROM payments_paymentattempt WHERE id >= %(since)s
UNION SELECT organization_id FROM payments_payment WHERE id >= %(since)s
UNION SELECT organization_id FROM payments_refund WHERE id >= %(since)s
UNION SELECT organization_id FROM payments_dispute WHERE id >= %(since)s
ORDER BY 1
"""
"""Whose rows came since: their ids begin with the moment. A hold let go leaves none but itself."""
