"""What plans and promotions gave and allow, held against their terms: the ledger's other checks.

Each `Check` compares what a row says (found) with what the terms it came from say (expected).
"""

from dataclasses import dataclass
from typing import Final

from billing.metering.reconcile import narrowed


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: the rows to make it in, whose they are, and the two numbers."""

    name: str
    rows: str
    organization: str
    subject: str
    expected: str
    found: str

    def sql(self) -> str:
        """Return it as a part of a UNION."""
        numbers = f"({self.expected})::numeric, ({self.found})::numeric"
        return (
            f"SELECT '{self.name}' AS name, {self.organization} AS organization_id,"  # noqa: S608 # texts of ours
            f" {self.subject} AS subject, {numbers} FROM {self.rows}"
        )


_ROWS: Final = """
-- By its name a grant says which period or redemption it is of.
WITH of_period AS (
  SELECT g.organization_id, g.id, g.unit, g.amount, split_part(g.source, ':', 1) AS kind,
         g.amount - g.voided AS kept, p.id AS period, p.whole_starts_at, p.whole_ends_at
  FROM ledger_grant g LEFT JOIN plans_subscriptionperiod p
    ON p.organization_id = g.organization_id AND p.whole_ends_at = g.expires_at
   AND p.starts_at = g.effective_at
   AND split_part(g.source, ':', 2) = p.subscription_id::text
   AND g.source LIKE '%%:' || to_char(p.starts_at AT TIME ZONE 'UTC',
                                      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  WHERE g.source ~ '^(plan|credit_line):[0-9a-f-]{36}:'
), given AS (
  SELECT organization_id, kind, unit, whole_starts_at, whole_ends_at, sum(amount) AS amount,
         sum(kept) AS kept
  FROM of_period WHERE period IS NOT NULL GROUP BY 1, 2, 3, 4, 5
), offered AS (
  -- The period that runs from its beginning brought all of its plan; one in which plans changed, at
  -- most what the best of them includes and what was taken back of others; one that was over when
  -- it was opened, nothing.
  SELECT p.organization_id, t.kind, t.unit, p.whole_starts_at, p.whole_ends_at,
         max(t.amount) AS most,
         max(t.amount) FILTER (WHERE p.starts_at = p.whole_starts_at AND s.ends_at IS NULL
                                 AND s.renews_at = p.whole_ends_at) AS least
  FROM plans_subscriptionperiod p
  JOIN plans_subscription s ON s.organization_id = p.organization_id AND s.id = p.subscription_id
  JOIN plans_planversion v ON v.id = p.plan_version_id
  CROSS JOIN LATERAL (
    SELECT 'plan' AS kind, i.key AS unit, i.value::numeric AS amount
    FROM jsonb_each_text(v.included) i
    UNION ALL
    SELECT 'credit_line', v.currency, v.credit_line WHERE v.credit_line IS NOT NULL) t
  GROUP BY 1, 2, 3, 4, 5
), capped AS (
  SELECT s.organization_id, c.unit, c."window", c.amount, c.hard
  FROM plans_subscription s JOIN plans_planversion v ON v.id = s.plan_version_id
  CROSS JOIN jsonb_to_recordset(v.caps)
    AS c (unit text, "window" text, amount numeric, hard boolean)
  WHERE s.ends_at IS NULL
), limited AS (
  SELECT organization_id, unit, "window", amount, hard FROM ledger_spendinglimit
  WHERE scope = 'plan' AND removed_at IS NULL
), promised AS (
  SELECT organization_id, id::text AS id, terms ->> 'kind' AS kind,
         (coalesce(terms ->> 'amount', terms ->> 'percent'))::numeric AS size,
         (terms ->> 'invoices')::numeric AS invoices, (terms ->> 'units')::numeric AS units
  FROM promotions_redemption
), drawn AS (
  SELECT organization_id, discount_id, sum(amount) AS amount, count(*) AS times
  FROM promotions_discountdraw GROUP BY 1, 2
), redeemed AS (
  SELECT organization_id, split_part(source, ':', 1) AS kind, split_part(source, ':', 2) AS id,
         sum(amount) AS amount
  FROM ledger_grant WHERE source ~ '^(promotion|trial):[0-9a-f-]{36}(:|$)' GROUP BY 1, 2, 3
), checks (name, organization_id, subject, expected, found) AS (
"""
TAIL: Final = """
)
SELECT name, organization_id, subject, expected, found FROM (
  SELECT name, organization_id, subject, coalesce(expected, 0) AS expected,
         coalesce(found, 0) AS found,
         row_number() OVER (ORDER BY name, organization_id, subject) AS place,
         row_number() OVER (PARTITION BY name, organization_id ORDER BY subject) AS nth
  FROM checks WHERE coalesce(expected, 0) <> coalesce(found, 0)
) differ
WHERE place <= %s OR nth = 1 ORDER BY name, organization_id, subject
"""

_DISCOUNTS: Final = (
    "promised r JOIN promotions_discount d USING (organization_id)"
    " LEFT JOIN drawn w ON w.organization_id = d.organization_id AND w.discount_id = d.id"
    " WHERE d.redemption_id::text = r.id"
)
_WINDOW: Final = "(organization_id, kind, unit, whole_starts_at, whole_ends_at)"
_GIVEN: Final = f"offered o FULL JOIN given g USING {_WINDOW}"
_CAP: Final = '(organization_id, unit, "window")'
_CAPS: Final = f"capped c JOIN limited l USING {_CAP}"

_CHECKS: Final = (
    Check(
        "plans.period",
        "of_period WHERE period IS NULL",
        "organization_id",
        "id::text",
        "0",
        "amount",
    ),
    Check(
        "plans.given",
        _GIVEN,
        "organization_id",
        "concat_ws(' ', kind, unit, to_char(whole_starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'))",
        "CASE WHEN g.kept > coalesce(o.most, 0) THEN coalesce(o.most, 0)"
        " WHEN coalesce(g.amount, 0) < o.least THEN o.least END",
        "CASE WHEN g.kept > coalesce(o.most, 0) THEN g.kept"
        " WHEN coalesce(g.amount, 0) < o.least THEN g.amount END",
    ),
    # A cap of 0 lets nothing through, and none lets everything: there or not is a number too.
    Check(
        "plans.caps_there",
        f"capped c FULL JOIN limited l USING {_CAP}",
        "organization_id",
        "unit || ' ' || \"window\"",
        "(c.organization_id IS NOT NULL)::integer",
        "(l.organization_id IS NOT NULL)::integer",
    ),
    Check(
        "plans.caps", _CAPS, "organization_id", "unit || ' ' || \"window\"", "c.amount", "l.amount"
    ),
    Check(
        "plans.caps_hard",
        _CAPS,
        "organization_id",
        "unit || ' ' || \"window\"",
        "c.hard::integer",
        "l.hard::integer",
    ),
    Check(
        "promotions.discount",
        "promised r LEFT JOIN promotions_discount d ON d.organization_id = r.organization_id"
        " AND d.redemption_id::text = r.id WHERE r.kind IN ('percent', 'amount')",
        "r.organization_id",
        "r.id",
        "r.size",
        "coalesce(d.amount, d.percent)",
    ),
    Check(
        "promotions.remaining",
        f"{_DISCOUNTS} AND d.amount IS NOT NULL",
        "r.organization_id",
        "d.id::text",
        "r.size - coalesce(w.amount, 0)",
        "d.remaining",
    ),
    Check(
        "promotions.invoices_left",
        f"{_DISCOUNTS} AND d.percent IS NOT NULL",
        "r.organization_id",
        "d.id::text",
        "r.invoices - coalesce(w.times, 0)",
        "d.invoices_left",
    ),
    Check(
        "promotions.units",
        "(SELECT * FROM promised WHERE kind = 'units') r FULL JOIN"
        " (SELECT * FROM redeemed WHERE kind = 'promotion') g USING (organization_id, id)",
        "organization_id",
        "id",
        "r.units",
        "g.amount",
    ),
    # How much of a trial was left is nowhere kept; that it was given anew is.
    Check(
        "promotions.trial",
        "(SELECT * FROM promised WHERE kind = 'trial') r FULL JOIN"
        " (SELECT * FROM redeemed WHERE kind = 'trial') g USING (organization_id, id)",
        "organization_id",
        "id",
        "(r.kind IS NOT NULL)::integer",
        "(g.kind IS NOT NULL)::integer",
    ),
)

SOLD: Final = _ROWS + "\n  UNION ALL ".join(check.sql() for check in _CHECKS) + TAIL

_NARROWED: Final = (
    "ledger_grant",
    "ledger_spendinglimit",
    "plans_subscriptionperiod",
    "plans_subscription",
    "promotions_redemption",
    "promotions_discount",
    "promotions_discountdraw",
)
SOLD_OF_SOME: Final = narrowed(SOLD, *_NARROWED)
"""The same of some: their ids come first, once per table."""
SOLD_TABLES: Final = len(_NARROWED)

CODES: Final = """
SELECT name, organization_id, subject, expected, found FROM (
  SELECT 'promotions.redeemed' AS name, NULL::uuid AS organization_id, p.code AS subject,
         count(r.id)::numeric AS expected, p.redeemed::numeric AS found
  FROM promotions_promotion p LEFT JOIN promotions_redemption r ON r.promotion_id = p.id
  GROUP BY p.id
  UNION ALL
  SELECT 'promotions.terms', r.organization_id, r.id::text,
         coalesce(p.amount, p.percent, p.units, p.days, 0),
         coalesce(r.terms ->> 'amount', r.terms ->> 'percent', r.terms ->> 'units',
                  r.terms ->> 'days', '0')::numeric
  FROM promotions_redemption r LEFT JOIN promotions_promotion p ON p.id = r.promotion_id
) codes WHERE expected <> found ORDER BY name, organization_id, subject LIMIT %s
"""
"""What the installation keeps of its codes: read in the system's scope alone. How often a code was
redeemed is its own number, of no account."""
