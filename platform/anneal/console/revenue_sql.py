"""What the revenue page reads: a statement per table of figures, however many customers there are.

Each gives sums by month and currency. Months are of UTC; amounts of invoices are in smallest coins.
"""

from typing import Final

RECURRING: Final = """
WITH paid AS (
  SELECT s.organization_id, v.currency, s.starts_at, coalesce(s.ends_at, 'infinity') AS ends_at,
         v.fee / CASE v.period WHEN 'year' THEN 12 ELSE 1 END AS fee
  FROM plans_subscription s JOIN plans_planversion v ON v.id = s.plan_version_id
  WHERE v.fee > 0
), bounds AS (
  SELECT at, row_number() OVER (ORDER BY at) AS n FROM unnest(%(bounds)s::timestamptz[]) b (at)
), standing AS (
  SELECT b.n, p.organization_id, p.currency, sum(p.fee) AS mrr
  FROM bounds b JOIN paid p ON p.starts_at < b.at AND p.ends_at >= b.at GROUP BY 1, 2, 3
), customers AS (
  SELECT organization_id, currency, min(starts_at) AS first_at FROM paid GROUP BY 1, 2
), moved AS (
  SELECT b.at AS begins, c.currency, c.first_at, coalesce(x.mrr, 0) AS before,
         coalesce(y.mrr, 0) AS after
  FROM customers c CROSS JOIN bounds b
  LEFT JOIN standing x
    ON (x.n, x.organization_id, x.currency) = (b.n, c.organization_id, c.currency)
  LEFT JOIN standing y
    ON (y.n, y.organization_id, y.currency) = (b.n + 1, c.organization_id, c.currency)
  WHERE b.n < (SELECT max(n) FROM bounds)
)
SELECT begins, currency, sum(before) AS mrr_before, sum(after) AS mrr,
       sum(after) FILTER (WHERE before = 0 AND first_at >= begins) AS new,
       sum(after) FILTER (WHERE before = 0 AND first_at < begins) AS reactivated,
       sum(after - before) FILTER (WHERE before > 0 AND after > before) AS expansion,
       sum(before - after) FILTER (WHERE after > 0 AND after < before) AS contraction,
       sum(before) FILTER (WHERE after = 0) AS churned,
       count(*) FILTER (WHERE before > 0) AS customers_before,
       count(*) FILTER (WHERE after > 0) AS customers,
       count(*) FILTER (WHERE before > 0 AND after = 0) AS customers_churned
FROM moved GROUP BY 1, 2 HAVING sum(before) > 0 OR sum(after) > 0 ORDER BY 1, 2
"""
"""Fees of plans by the month, from the spells that customers are on a version of a plan.

A boundary is seen just before it: what begins with a month is new in it, and what ends with it is
there at its end still."""

BILLED: Final = """
SELECT date_trunc('month', i.issued_at, 'UTC') AS begins, i.currency, l.kind,
       sum(l.amount_minor) AS amount, sum(l.tax_minor) AS tax
FROM invoices_invoice i JOIN invoices_invoiceline l
  ON l.organization_id = i.organization_id AND l.invoice_id = i.id
WHERE i.status = 'final' AND i.issued_at >= %(since)s AND i.issued_at < %(until)s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
"""Lines of the invoices that were made final, by kind."""

COLLECTED: Final = """
SELECT date_trunc('month', issued_at, 'UTC') AS begins, currency,
       sum(total_minor - credited_minor + returned_minor) AS asked, sum(paid_minor) AS collected
FROM invoices_invoice
WHERE status = 'final' AND kind <> 'top_up' AND issued_at >= %(since)s AND issued_at < %(until)s
GROUP BY 1, 2 ORDER BY 1, 2
"""
"""Of the invoices of a month, what was to be paid and what of it has been, to this day."""

MOVED: Final = """
SELECT date_trunc('month', at, 'UTC') AS begins, currency, what, sum(amount) AS amount FROM (
  SELECT p.booked_at AS at, i.currency,
         CASE WHEN p.amount_minor < 0 THEN 'taken_back' ELSE 'paid' END AS what,
         abs(p.amount_minor) + p.excess_minor AS amount
  FROM invoices_invoicepayment p JOIN invoices_invoice i
    ON i.organization_id = p.organization_id AND i.id = p.invoice_id
  WHERE p.booked_at >= %(since)s AND p.booked_at < %(until)s
  UNION ALL
  SELECT issued_at, currency, 'refunded', returned_minor FROM invoices_creditnote
  WHERE return_by IN ('refund', 'outside') AND issued_at >= %(since)s AND issued_at < %(until)s
  UNION ALL
  SELECT issued_at, currency, 'credited', total_minor FROM invoices_creditnote
  WHERE issued_at >= %(since)s AND issued_at < %(until)s) told
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
"""Money that came and went, and what credit notes took off."""

OUTSTANDING: Final = """
SELECT currency, CASE WHEN given_up THEN 'given_up' WHEN days <= 30 THEN 'days_0_30'
                      WHEN days <= 60 THEN 'days_31_60' WHEN days <= 90 THEN 'days_61_90'
                      ELSE 'days_91' END AS age, sum(due) AS due
FROM (
  SELECT i.currency, i.payment_status = 'uncollectible' AS given_up,
         floor(extract(epoch FROM %(until)s - i.issued_at) / 86400) AS days,
         i.total_minor - coalesce(n.amount, 0) - coalesce(p.amount, 0) AS due
  FROM invoices_invoice i
  LEFT JOIN LATERAL (
    SELECT sum(total_minor - returned_minor) AS amount FROM invoices_creditnote
    WHERE organization_id = i.organization_id AND invoice_id = i.id AND issued_at < %(until)s) n
    ON true
  LEFT JOIN LATERAL (
    SELECT sum(amount_minor) AS amount FROM invoices_invoicepayment
    WHERE organization_id = i.organization_id AND invoice_id = i.id AND booked_at < %(until)s) p
    ON true
  WHERE i.status = 'final' AND i.issued_at < %(until)s
    AND (i.payment_status <> 'paid' OR i.paid_at >= %(until)s)) open
WHERE due > 0 GROUP BY 1, 2 ORDER BY 1, 2
"""
"""What was due at a moment, by the invoice's age then. Only what is due today or was paid since is
looked at."""
