"""What invoices say, held against items, lines, payments, notes, plans and the ledger."""

from typing import Final

from billing.ledger.checks_sold import TAIL, Check
from billing.metering.reconcile import narrowed

_ROWS: Final = """
WITH final AS (
  SELECT * FROM invoices_invoice WHERE status = 'final'
), lined AS (
  SELECT invoice_id, sum(amount_minor) AS amount, sum(tax_minor) AS tax
  FROM invoices_invoiceline GROUP BY 1
), taxed AS (
  SELECT invoice_id, sum(amount_minor) AS amount FROM invoices_invoicetax GROUP BY 1
), brought AS (
  SELECT invoice_id, sum(amount_minor) AS amount FROM invoices_invoicepayment GROUP BY 1
), credited AS (
  SELECT invoice_id, sum(total_minor) AS total, sum(returned_minor) AS returned
  FROM invoices_creditnote GROUP BY 1
), noted AS (
  SELECT credit_note_id, sum(amount_minor + tax_minor) AS amount
  FROM invoices_creditnoteline GROUP BY 1
), line_credits AS (
  SELECT line_id, sum(amount_minor + tax_minor) AS amount
  FROM invoices_creditnoteline GROUP BY 1
), invoiced AS (
  SELECT i.* FROM invoices_invoiceitem i JOIN final f
    ON f.organization_id = i.organization_id AND f.id = i.invoice_id
), fees AS (
  -- By its name an item says which period it is of, and whether it gives its rest back, or asks
  -- again for a rest that was given back and never paid.
  SELECT i.organization_id, i.id, i.amount, p.id AS period,
         CASE WHEN i.source LIKE 'fee_cut:%%' THEN -1 ELSE 1 END * v.fee
         * extract(epoch FROM p.whole_ends_at
                   - CASE WHEN i.source LIKE 'fee:%%' THEN p.starts_at ELSE p.ends_at END)
         / extract(epoch FROM p.whole_ends_at - p.whole_starts_at) AS wanted,
         i.source LIKE 'fee_unpaid:%%' AS again
  FROM invoices_invoiceitem i LEFT JOIN plans_subscriptionperiod p
    ON p.organization_id = i.organization_id AND p.id::text = split_part(i.source, ':', 2)
  LEFT JOIN plans_planversion v ON v.id = p.plan_version_id
  WHERE i.kind = 'fee' AND i.dropped_at IS NULL AND i.source NOT LIKE 'reversed:%%'
), asked AS (
  SELECT organization_id, price_id, meter, currency, sum(amount) AS amount
  FROM invoices_invoiceitem WHERE kind = 'usage' AND dropped_at IS NULL GROUP BY 1, 2, 3, 4
), owed AS (
  SELECT e.organization_id, h.price_id, h.unit AS meter, e.unit AS currency, sum(e.amount) AS amount
  FROM ledger_ledgerentry e JOIN ledger_hold h
    ON h.organization_id = e.organization_id AND h.id = e.hold_id
  WHERE e.account = 'receivable' AND e.amount > 0 GROUP BY 1, 2, 3, 4
), rest AS (
  SELECT s.organization_id, r.value ->> 2 AS currency, sum((r.value ->> 3)::numeric) AS amount
  FROM invoices_invoiceschedule s CROSS JOIN jsonb_array_elements(s.usage_rest) r GROUP BY 1, 2
), unasked AS (
  SELECT organization_id, currency, sum(amount) AS amount FROM (
    SELECT e.organization_id, e.unit AS currency, e.amount
    FROM ledger_ledgerentry e JOIN invoices_invoiceschedule s
      ON s.organization_id = e.organization_id
    WHERE e.account = 'receivable' AND e.unit ~ '^[A-Z]{3}$'
      AND e.booked_at >= s.begins_at AND e.booked_at < s.usage_from
    UNION ALL
    SELECT organization_id, currency, -amount FROM invoices_invoiceitem WHERE kind = 'usage') told
  GROUP BY 1, 2
), checks (name, organization_id, subject, expected, found) AS (
"""

_CHECKS: Final = (
    Check(
        "invoices.subtotal",
        "final f LEFT JOIN lined l ON l.invoice_id = f.id",
        "f.organization_id",
        "f.number",
        "l.amount",
        "f.subtotal_minor",
    ),
    Check(
        "invoices.tax",
        "final f LEFT JOIN taxed t ON t.invoice_id = f.id",
        "f.organization_id",
        "f.number",
        "t.amount",
        "f.tax_minor",
    ),
    Check(
        "invoices.tax_shares",
        "final f LEFT JOIN lined l ON l.invoice_id = f.id",
        "f.organization_id",
        "f.number",
        "f.tax_minor",
        "l.tax",
    ),
    Check(
        "invoices.paid",
        "final f LEFT JOIN brought b ON b.invoice_id = f.id",
        "f.organization_id",
        "f.number",
        "b.amount",
        "f.paid_minor",
    ),
    Check(
        "invoices.credited",
        "final f LEFT JOIN credited c ON c.invoice_id = f.id",
        "f.organization_id",
        "f.number",
        "c.total",
        "f.credited_minor",
    ),
    Check(
        "invoices.returned",
        "final f LEFT JOIN credited c ON c.invoice_id = f.id",
        "f.organization_id",
        "f.number",
        "c.returned",
        "f.returned_minor",
    ),
    Check(
        "credit_notes.total",
        "invoices_creditnote n LEFT JOIN noted l ON l.credit_note_id = n.id",
        "n.organization_id",
        "n.number",
        "l.amount",
        "n.total_minor",
    ),
    Check(
        "credit_notes.line",
        "line_credits c JOIN invoices_invoiceline l ON l.id = c.line_id"
        " WHERE abs(c.amount) > abs(l.amount_minor + l.tax_minor)",
        "l.organization_id",
        "l.id::text",
        "l.amount_minor + l.tax_minor",
        "c.amount",
    ),
    # An item that an invoice took stands on it with its own amount, and no line is of nothing.
    Check(
        "invoices.items",
        "invoiced i FULL JOIN (SELECT * FROM invoices_invoiceline WHERE item_id IS NOT NULL) l"
        " ON l.item_id = i.id AND l.invoice_id = i.invoice_id",
        "coalesce(i.organization_id, l.organization_id)",
        "coalesce(i.id, l.id)::text",
        "i.amount",
        "l.amount",
    ),
    Check(
        "invoices.discounts",
        "invoices_invoiceline l LEFT JOIN promotions_discountdraw d"
        " ON d.organization_id = l.organization_id AND d.key = 'invoice:' || l.invoice_id"
        " AND replace(d.discount_id::text, '-', '') = l.params ->> 'discount'"
        " WHERE l.kind = 'discount'",
        "l.organization_id",
        "l.id::text",
        "-d.amount",
        "l.amount",
    ),
    # Divided here to fewer digits than the item was: a millionth is no difference. Less is given
    # back of a fee from which codes or credit notes had taken something.
    Check(
        "invoices.fee",
        "fees WHERE period IS NULL OR amount < CASE WHEN again THEN 0 ELSE wanted END - 0.000001"
        " OR amount > greatest(wanted, 0) + 0.000001",
        "organization_id",
        "id::text",
        "wanted",
        "amount",
    ),
    # What is booked while an invoice is made comes on the next: less than is owed is no fault.
    Check(
        "invoices.usage",
        "asked a LEFT JOIN owed o ON o.organization_id = a.organization_id"
        " AND o.price_id IS NOT DISTINCT FROM a.price_id AND o.meter = a.meter"
        " AND o.currency = a.currency WHERE a.amount > coalesce(o.amount, 0)",
        "a.organization_id",
        "concat_ws(' ', a.meter, a.price_id)",
        "o.amount",
        "a.amount",
    ),
    # The mark below which a close looks no more: what it left behind is still asked for.
    Check(
        "invoices.usage_rest",
        "unasked u FULL JOIN rest r USING (organization_id, currency)",
        "organization_id",
        "currency",
        "u.amount",
        "r.amount",
    ),
    Check(
        "invoices.top_up",
        "invoiced i LEFT JOIN ledger_grant g ON g.organization_id = i.organization_id"
        " AND g.unit = i.currency AND g.source = i.source WHERE i.kind = 'top_up'",
        "i.organization_id",
        "i.source",
        "i.amount",
        "g.amount",
    ),
    Check(
        "outcomes.invoiced",
        "(SELECT * FROM outcomes_outcome WHERE payment = 'invoice' AND state <> 'reversed') o"
        " LEFT JOIN invoices_invoiceitem i ON i.organization_id = o.organization_id"
        " AND i.source = 'outcome:' || o.id AND i.dropped_at IS NULL",
        "o.organization_id",
        "o.subject",
        "o.quantity * o.unit_price",
        "coalesce(i.amount, 0)",
    ),
    Check(
        "outcomes.charged",
        "(SELECT * FROM outcomes_outcome WHERE payment = 'balance') o LEFT JOIN ledger_hold h"
        " ON h.organization_id = o.organization_id AND h.id = o.hold_id",
        "o.organization_id",
        "o.subject",
        "CASE WHEN o.state = 'reversed' THEN 0 ELSE o.quantity * o.unit_price END",
        "coalesce(h.captured - h.refunded, 0)",
    ),
)

INVOICED: Final = _ROWS + "\n  UNION ALL ".join(check.sql() for check in _CHECKS) + TAIL

_NARROWED: Final = (
    "invoices_invoice",
    "invoices_invoiceitem",
    "invoices_invoiceschedule",
    "invoices_invoiceline",
    "invoices_invoicetax",
    "invoices_invoicepayment",
    "invoices_creditnote",
    "invoices_creditnoteline",
    "ledger_grant",
    "ledger_hold",
    "ledger_ledgerentry",
    "outcomes_outcome",
    "plans_subscriptionperiod",
    "promotions_discountdraw",
)
INVOICED_OF_SOME: Final = narrowed(INVOICED, *_NARROWED)
"""The same of some: their ids come first, once per table."""
INVOICED_TABLES: Final = len(_NARROWED)

NUMBERS: Final = """
SELECT 'invoices.numbers', NULL::uuid, s.name, s.last::numeric,
       CASE WHEN coalesce(n.highest, 0) = s.last THEN coalesce(n.given, 0)
            ELSE coalesce(n.highest, 0) END::numeric
FROM invoices_numberseries s LEFT JOIN (
  SELECT series, count(*) AS given, max(sequence) AS highest FROM (
    SELECT series, sequence FROM invoices_invoice WHERE status = 'final'
    UNION ALL SELECT series, sequence FROM invoices_creditnote) numbered
  GROUP BY series) n ON n.series = s.name
WHERE (coalesce(n.given, 0), coalesce(n.highest, 0)) <> (s.last, s.last)
ORDER BY 3 LIMIT %s
"""
"""Series with a gap or a double, over all organizations: read in the system's scope alone."""
