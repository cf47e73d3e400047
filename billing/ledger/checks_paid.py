"""What payments, refunds and disputes say, held against invoices, notes and bought credit."""

from typing import Final

from billing.ledger.checks_sold import TAIL, Check
from billing.metering.reconcile import narrowed
from billing.prices.currency import coins_sql

_ROWS: Final = """
WITH applied AS (
  SELECT organization_id, payment_id, invoice_id, amount_minor + excess_minor AS amount
  FROM invoices_invoicepayment WHERE key = 'payment:' || payment_id
), returned AS (
  -- Credit of a currency that the account cannot hold went back whole, and was on no invoice.
  SELECT organization_id, payment_id FROM payments_refund WHERE key = 'currency:' || payment_id
), came AS (
  SELECT organization_id, invoice_id, sum(amount_minor) AS amount
  FROM payments_payment GROUP BY 1, 2
), outside AS (
  SELECT organization_id, invoice_id, sum(excess_minor) AS excess,
         sum(amount_minor + excess_minor) FILTER (WHERE key NOT LIKE 'payment:%%') AS amount
  FROM invoices_invoicepayment GROUP BY 1, 2
), sent AS (
  -- What was sent again counts once, and what was made at the provider once it had gone.
  SELECT organization_id, payment_id, sum(amount_minor) AS amount FROM payments_refund
  WHERE booked GROUP BY 1, 2
), sent_of AS (
  -- By its name a refund says which credit note it is of.
  SELECT organization_id, split_part(key, ':', 2) AS note, sum(amount_minor) AS amount
  FROM payments_refund WHERE key LIKE 'credit_note:%%' AND booked GROUP BY 1, 2
), sent_there AS (
  SELECT organization_id, 'refund:' || ref AS key, amount_minor FROM payments_refund
  WHERE key LIKE 'provider:%%' AND booked
), noted_there AS (
  SELECT organization_id, key, returned_minor FROM invoices_creditnote WHERE key LIKE 'refund:re%%'
), given_back AS (
  SELECT organization_id, replace(key, 'regained:', 'unapply:') AS key,
         amount_minor + excess_minor AS amount
  FROM invoices_invoicepayment WHERE key LIKE 'regained:dispute:%%'
), taken AS (
  SELECT organization_id, key, amount_minor FROM invoices_invoicepayment
  WHERE key LIKE 'unapply:dispute:%%'
), trying AS (
  SELECT organization_id, invoice_id, count(*) AS n FROM payments_paymentattempt
  WHERE state = 'open' AND invoice_id IS NOT NULL GROUP BY 1, 2
), beyond AS (
  SELECT p.organization_id, 'overpaid:' || p.key AS source, i.currency, p.excess_minor
  FROM invoices_invoicepayment p JOIN invoices_invoice i
    ON i.organization_id = p.organization_id AND i.id = p.invoice_id
  WHERE p.excess_minor <> 0 AND NOT EXISTS (
    -- Credit of a currency that the account cannot hold went back to the card.
    SELECT FROM payments_refund r
    WHERE r.organization_id = p.organization_id AND r.key = 'excess:' || p.payment_id)
), kept AS (
  -- What was left when a part was taken back is given anew, under the same name and more.
  SELECT * FROM ledger_grant
  WHERE source LIKE 'overpaid:%%' AND source !~ '^overpaid:payment:[0-9a-f-]{36}:'
), noted AS (
  SELECT organization_id, 'credit_note:' || id AS source, currency, returned_minor
  FROM invoices_creditnote WHERE return_by = 'credit'
), checks (name, organization_id, subject, expected, found) AS (
"""

_CHECKS: Final = (
    # Whoever says it first, by an answer or an event: a try that succeeded is one payment.
    Check(
        "payments.attempt",
        "(SELECT * FROM payments_paymentattempt WHERE state = 'succeeded') a"
        " FULL JOIN payments_payment p"
        " ON p.organization_id = a.organization_id AND p.attempt_id = a.id",
        "coalesce(p.organization_id, a.organization_id)",
        "coalesce(p.id, a.id)::text",
        "(a.id IS NOT NULL)::integer",
        "(p.id IS NOT NULL)::integer",
    ),
    # All of a payment is on its invoice, once, or became credit beyond it.
    Check(
        "payments.applied",
        "(SELECT p.* FROM payments_payment p LEFT JOIN returned r"
        " ON r.organization_id = p.organization_id AND r.payment_id = p.id"
        " WHERE r.payment_id IS NULL OR p.invoice_id IS NOT NULL) p FULL JOIN applied b"
        " ON b.organization_id = p.organization_id AND b.payment_id = p.id",
        "coalesce(p.organization_id, b.organization_id)",
        "coalesce(p.id, b.payment_id)::text",
        "p.amount_minor",
        "CASE WHEN p.id IS NULL OR p.invoice_id = b.invoice_id THEN b.amount END",
    ),
    Check(
        "payments.invoice",
        "(SELECT * FROM invoices_invoice WHERE status = 'final') f"
        " LEFT JOIN came c ON c.organization_id = f.organization_id AND c.invoice_id = f.id"
        " LEFT JOIN outside o ON o.organization_id = f.organization_id AND o.invoice_id = f.id",
        "f.organization_id",
        "f.number",
        "coalesce(c.amount, 0) + coalesce(o.amount, 0) - coalesce(o.excess, 0)",
        "f.paid_minor",
    ),
    Check(
        "payments.refunded",
        "payments_payment p LEFT JOIN sent s"
        " ON s.organization_id = p.organization_id AND s.payment_id = p.id",
        "p.organization_id",
        "p.id::text",
        "least(coalesce(s.amount, 0), p.amount_minor)",
        "p.refunded_minor",
    ),
    Check(
        "payments.open",
        "trying WHERE n > 1",
        "organization_id",
        "invoice_id::text",
        "1",
        "n",
    ),
    Check(
        "refunds.note",
        "(SELECT * FROM invoices_creditnote WHERE return_by = 'refund') n FULL JOIN sent_of s"
        " ON s.organization_id = n.organization_id AND s.note = n.id::text",
        "coalesce(n.organization_id, s.organization_id)",
        "coalesce(n.number, s.note)",
        "n.returned_minor",
        "s.amount",
    ),
    # The note of a refund made at the provider is never above it, nor without it.
    Check(
        "refunds.outside",
        "noted_there n LEFT JOIN sent_there s"
        " ON s.organization_id = n.organization_id AND s.key = n.key",
        "n.organization_id",
        "n.key",
        "CASE WHEN s.key IS NOT NULL THEN least(n.returned_minor, s.amount_minor) END",
        "n.returned_minor",
    ),
    # What is lost is booked, and nothing else but what was prevented by paying it, or is appealed
    # against; less comes off where less was left.
    Check(
        "disputes.booked",
        "payments_dispute WHERE booked <> (state = 'lost') AND state <> 'prevented'"
        " AND state NOT LIKE 'appeal%%'",
        "organization_id",
        "ref",
        "(state = 'lost')::integer",
        "booked::integer",
    ),
    Check(
        "disputes.taken",
        "taken t LEFT JOIN (SELECT * FROM payments_dispute"
        " WHERE booked AND (state IN ('lost', 'prevented') OR state LIKE 'appeal%%')) d"
        " ON t.organization_id = d.organization_id AND t.key = 'unapply:dispute:' || d.ref"
        " LEFT JOIN given_back g ON g.organization_id = t.organization_id AND g.key = t.key",
        "t.organization_id",
        "t.key",
        "CASE WHEN g.key IS NOT NULL AND d.id IS NULL THEN 0"
        " WHEN d.id IS NOT NULL THEN least(-t.amount_minor, d.amount_minor) END",
        "-t.amount_minor - coalesce(g.amount, 0)",
    ),
    # Bought credit names its payment, also what was given anew when a part was taken back.
    Check(
        "grants.payment",
        "(SELECT * FROM ledger_grant WHERE source LIKE 'payment:%%') g LEFT JOIN payments_payment p"
        " ON p.organization_id = g.organization_id AND p.currency = g.unit"
        " AND p.id::text = split_part(g.source, ':', 2)",
        "g.organization_id",
        "g.source",
        "CASE WHEN p.id IS NOT NULL THEN g.amount END",
        "g.amount",
    ),
    Check(
        "grants.overpaid",
        "beyond b FULL JOIN kept g"
        " ON g.organization_id = b.organization_id AND g.source = b.source"
        " AND g.unit = b.currency",
        "coalesce(g.organization_id, b.organization_id)",
        "coalesce(g.source, b.source)",
        f"b.excess_minor::numeric / {coins_sql('b.currency')}",
        "g.amount",
    ),
    Check(
        "grants.credit_note",
        "noted n FULL JOIN (SELECT * FROM ledger_grant WHERE source LIKE 'credit_note:%%') g"
        " ON g.organization_id = n.organization_id AND g.source = n.source"
        " AND g.unit = n.currency",
        "coalesce(g.organization_id, n.organization_id)",
        "coalesce(g.source, n.source)",
        f"n.returned_minor::numeric / {coins_sql('n.currency')}",
        "g.amount",
    ),
)

PAID: Final = _ROWS + "\n  UNION ALL ".join(check.sql() for check in _CHECKS) + TAIL

_NARROWED: Final = (
    "payments_payment",
    "payments_paymentattempt",
    "payments_refund",
    "payments_dispute",
    "invoices_invoice",
    "invoices_invoicepayment",
    "invoices_creditnote",
    "ledger_grant",
)
PAID_OF_SOME: Final = narrowed(PAID, *_NARROWED)
"""The same of some: their ids come first, once per table."""
PAID_TABLES: Final = len(_NARROWED)
