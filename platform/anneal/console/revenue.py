"""What the installation earns, month by month: recurring fees, churn, invoices and money.

Currencies are never added together. Everything is read from subscriptions, final invoices, credit
notes and payments, in five statements. System scope.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from anneal.console.months import month_after, month_before
from anneal.console.revenue_sql import BILLED, COLLECTED, MOVED, OUTSTANDING, RECURRING
from anneal.kernel import clock
from billing.invoices.contracts import ItemKind
from billing.invoices.money import major
from billing.prices.currency import DEFAULT

MONTHS: Final = 12
_NOTHING: Final = Decimal(0)
_COLUMNS: Final = {
    ItemKind.FEE: "fees",
    ItemKind.USAGE: "usage",
    ItemKind.MINIMUM: "usage",
    ItemKind.OUTCOME: "outcomes",
    ItemKind.TOP_UP: "top_ups",
    ItemKind.MANUAL: "other",
    ItemKind.DISCOUNT: "discounts",
}


@dataclass(frozen=True, slots=True)
class Month:
    """One month in one currency; admin/revenue.py says what each figure means."""

    begins: datetime
    currency: str
    mrr_before: Decimal = _NOTHING
    mrr: Decimal = _NOTHING
    new: Decimal = _NOTHING
    reactivated: Decimal = _NOTHING
    expansion: Decimal = _NOTHING
    contraction: Decimal = _NOTHING
    churned: Decimal = _NOTHING
    customers_before: int = 0
    customers: int = 0
    customers_churned: int = 0
    fees: Decimal = _NOTHING
    usage: Decimal = _NOTHING
    outcomes: Decimal = _NOTHING
    top_ups: Decimal = _NOTHING
    other: Decimal = _NOTHING
    discounts: Decimal = _NOTHING
    taxes: Decimal = _NOTHING
    credited: Decimal = _NOTHING
    paid: Decimal = _NOTHING
    refunded: Decimal = _NOTHING
    taken_back: Decimal = _NOTHING
    asked: Decimal = _NOTHING
    collected: Decimal = _NOTHING

    @property
    def arpu(self) -> Decimal | None:
        """What a customer pays on average; None without one."""
        return self.mrr / self.customers if self.customers else None

    @property
    def customer_churn(self) -> Decimal | None:
        """Which per cent of the customers there were left."""
        return _percent(Decimal(self.customers_churned), Decimal(self.customers_before))

    @property
    def revenue_churn(self) -> Decimal | None:
        """Which per cent of the MRR there was is gone, by leaving or for less."""
        return _percent(self.churned + self.contraction, self.mrr_before)

    @property
    def billed(self) -> Decimal:
        """All that invoices ask for, taxes included."""
        lines = self.fees + self.usage + self.outcomes + self.top_ups + self.other
        return lines + self.discounts + self.taxes

    @property
    def collection(self) -> Decimal | None:
        """Which per cent of what the month's invoices ask for has been paid."""
        return _percent(self.collected, self.asked)


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What is due at the month's end, by the age of its invoice in days."""

    days_0_30: Decimal = _NOTHING
    days_31_60: Decimal = _NOTHING
    days_61_90: Decimal = _NOTHING
    days_91: Decimal = _NOTHING
    given_up: Decimal = _NOTHING

    @property
    def total(self) -> Decimal:
        """What may still be paid: without what was given up."""
        return self.days_0_30 + self.days_31_60 + self.days_61_90 + self.days_91


@dataclass(frozen=True, slots=True)
class Revenue:
    """Twelve months of one currency, the chosen one last, and what is due at its end."""

    currency: str
    months: tuple[Month, ...]
    outstanding: Outstanding = field(default_factory=Outstanding)

    @property
    def month(self) -> Month:
        """The chosen month."""
        return self.months[-1]


def revenue_read(*, month: datetime) -> tuple[Revenue, ...]:
    """Return the twelve months up to ``month``, one entry per currency; none if nothing was sold.

    The installation's currency is first. The present month is read up to now.
    """
    begins = [month]
    while len(begins) < MONTHS:
        begins.insert(0, month_before(begins[0]))
    until = min(month_after(month), clock.now())
    span = {"since": begins[0], "until": until}
    told: dict[tuple[datetime, str], dict[str, Any]] = {}
    for row in _rows(RECURRING, {"bounds": [*begins, until]}):
        _add(told, row, {name: value for name, value in row.items() if value is not None})
    for row in _rows(BILLED, span):
        _add(told, row, {_COLUMNS[row["kind"]]: _coins(row, "amount"), "taxes": _coins(row, "tax")})
    for row in _rows(COLLECTED, span):
        _add(told, row, {name: _coins(row, name) for name in ("asked", "collected")})
    for row in _rows(MOVED, span):
        _add(told, row, {row["what"]: _coins(row, "amount")})
    due: dict[str, dict[str, Decimal]] = {}
    for row in _rows(OUTSTANDING, span):
        due.setdefault(row["currency"], {})[row["age"]] = _coins(row, "due")
    return tuple(
        Revenue(
            currency,
            tuple(Month(at, currency, **told.get((at, currency), {})) for at in begins),
            Outstanding(**due.get(currency, {})),
        )
        for currency in sorted(
            {currency for _, currency in told} | due.keys(),
            key=lambda code: (code != DEFAULT, code),
        )
    )


def revenue_json(found: Iterable[Revenue]) -> list[dict[str, Any]]:
    """Render the figures; amounts as texts of six decimals at most, what has no divisor as null."""
    return [
        {
            "currency": each.currency,
            "outstanding": _texts(asdict(each.outstanding) | {"total": each.outstanding.total}),
            "months": [month_figures(month) for month in each.months],
        }
        for each in found
    ]


def month_figures(month: Month) -> dict[str, Any]:
    """Return every figure of a month by name."""
    named = {"month": f"{month.begins:%Y-%m}", **asdict(month)}
    del named["begins"]
    return _texts(
        named
        | {
            "arpu": month.arpu,
            "customer_churn": month.customer_churn,
            "revenue_churn": month.revenue_churn,
            "billed": month.billed,
            "collection": month.collection,
        }
    )


def _texts(named: dict[str, Any]) -> dict[str, Any]:
    return {
        name: f"{round(value, 6).normalize():f}" if isinstance(value, Decimal) else value
        for name, value in named.items()
    }


def _rows(statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _add(
    told: dict[tuple[datetime, str], dict[str, Any]], row: dict[str, Any], more: dict[str, Any]
) -> None:
    figures = told.setdefault((row["begins"], row["currency"]), {})
    for name, value in more.items():
        if name not in ("begins", "currency"):
            figures[name] = figures.get(name, 0) + value


def _coins(row: dict[str, Any], name: str) -> Decimal:
    return major(int(row[name]), row["currency"])


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole * 100 if whole else None
