"""The operator's revenue: half a year of three customers, worked out by hand."""

import csv
import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from anneal.console.revenue import Month, Revenue, revenue_read
from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.contracts import ItemKind, ReturnBy
from billing.invoices.models import Invoice
from billing.invoices.services import invoice_give_up, invoice_payment_unapply
from billing.plans.contracts import Period
from billing.plans.services import subscription_cancel
from tests.unit.console.test_operator import operator, page
from tests.unit.factories import make_organization
from tests.unit.invoices.helpers import (
    D,
    add_plan,
    add_tax,
    ask,
    credit,
    go,
    invoices,
    pay,
    set_profile,
    tick,
    top_up,
)

__all__ = ["operator"]  # a fixture of the console's tests

pytestmark = pytest.mark.django_db


def day(month: int, of_month: int) -> datetime:
    """A noon of 2024, before anything that other tests of the run have committed."""
    return datetime(2024, month, of_month, 12, tzinfo=UTC)


JUNE = datetime(2024, 6, 1, tzinfo=UTC)
LATER = day(7, 15)


def lost(organization: OrganizationRef, invoice: Invoice, at: datetime) -> None:
    with clock.frozen(at), tenant_scope(organization):
        invoice_payment_unapply(
            organization=organization,
            invoice_id=invoice.id,
            payment_id=uuid4(),
            amount_minor=invoice.total_minor,
            key="dispute:1",
            reason="Lost.",
        )


@pytest.fixture
def history(organization: OrganizationRef, other_organization: OrganizationRef) -> OrganizationRef:
    """One who upgrades, leaves, comes back and goes on less; one by the year; one in yen."""
    one, yearly, yen = organization, other_organization, make_organization("yen")
    with clock.frozen(day(1, 1)):
        add_plan("small", fee=D(30))
        add_plan("big", fee=D(90))
        add_plan("whole", fee=D(1200), period=Period.YEAR)
        add_plan("japan", fee=D(3000), currency="JPY")
    go(one, "small", day(1, 10))
    go(yearly, "whole", day(1, 10))
    go(yen, "japan", day(1, 10))
    tick(day(1, 10))
    pay(one, invoices(one)[0], at=day(1, 12))
    pay(yearly, invoices(yearly)[0], at=day(1, 15))
    pay(yen, invoices(yen)[0], at=day(1, 15))
    credit(yearly, invoices(yearly)[0], 20000, at=day(2, 3), return_by=ReturnBy.OUTSIDE)
    tick(day(2, 10))
    pay(one, invoices(one)[1], at=day(2, 12))
    # Of 29 days 18.5 are left: 30 * 18.5 / 29 goes back, 90 * 18.5 / 29 is asked for.
    go(one, "big", day(2, 20))
    tick(day(2, 20))
    pay(one, invoices(one)[2], at=day(2, 25))
    lost(one, invoices(one)[2], day(3, 1))
    top_up(yen, 5000, "JPY", at=day(3, 2))
    tick(day(3, 10))
    with clock.frozen(day(3, 15)), tenant_scope(one):
        subscription_cancel(organization=one, actor=SYSTEM_ACTOR)
    ask(one, "5", day(4, 3))
    ask(yearly, "7.50", day(4, 4), kind=ItemKind.USAGE)
    tick(day(4, 4))
    tick(day(4, 10))
    go(one, "big", day(5, 5))
    tick(day(5, 5))
    tick(day(5, 10))
    go(one, "small", day(5, 20))
    tick(day(6, 5))
    tick(day(6, 10))
    return one


def read(month: datetime = JUNE) -> dict[str, Revenue]:
    with clock.frozen(LATER), system_scope("test"):
        return {each.currency: each for each in revenue_read(month=month)}


def months(currency: str) -> list[Month]:
    """January to June."""
    return list(read()[currency].months[-6:])


def named(rows: list[Month], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(row, name) for name in names) for row in rows]


def test_recurring_revenue_moves_as_customers_do(history: OrganizationRef) -> None:
    moves = ("mrr_before", "new", "reactivated", "expansion", "contraction", "churned", "mrr")

    assert named(months("USD"), *moves) == [
        (0, 130, 0, 0, 0, 0, 130),  # 30 a month, and 1200 a year
        (130, 0, 0, 60, 0, 0, 190),  # 30 becomes 90 in the middle of the month
        (190, 0, 0, 0, 0, 0, 190),  # cancelled, and still in force
        (190, 0, 0, 0, 0, 90, 100),
        (100, 0, 90, 0, 0, 0, 190),
        (190, 0, 0, 0, 60, 0, 130),
    ]
    assert named(months("JPY"), "mrr", "new") == [(3000, 3000), *[(3000, 0)] * 5]


def test_customers_leave_with_their_revenue(history: OrganizationRef) -> None:
    rows = months("USD")

    assert named(rows, "customers_before", "customers", "customers_churned") == [
        (0, 2, 0),
        (2, 2, 0),
        (2, 2, 0),
        (2, 1, 1),
        (1, 2, 0),
        (2, 2, 0),
    ]
    assert named(rows, "arpu", "customer_churn") == [
        (65, None),
        (95, 0),
        (95, 0),
        (100, 50),
        (95, 0),
        (65, 0),
    ]
    churn = [row.revenue_churn for row in rows]
    assert churn[0] is None
    assert [round(share, 2) for share in churn[1:] if share is not None] == [
        0,
        0,
        D("47.37"),  # 90 of 190
        0,
        D("31.58"),  # 60 of 190
    ]


def test_what_was_billed_is_told_by_kind(history: OrganizationRef) -> None:
    kinds = ("fees", "usage", "outcomes", "top_ups", "billed")

    assert named(months("USD"), *kinds) == [
        (1230, 0, 0, 0, 1230),
        (D("68.27"), 0, 0, 0, D("68.27")),  # 30 + 57.41 - 19.14
        (90, 0, 0, 0, 90),
        (0, D("7.5"), 5, 0, D("12.5")),
        (90, 0, 0, 0, 90),
        (30, 0, 0, 0, 30),
    ]
    assert named(months("JPY"), *kinds) == [
        (3000, 0, 0, 0, 3000),
        (3000, 0, 0, 0, 3000),
        (3000, 0, 0, 5000, 8000),
        *[(3000, 0, 0, 0, 3000)] * 3,
    ]


def test_money_comes_and_goes(history: OrganizationRef) -> None:
    rows = months("USD")

    assert named(rows, "paid", "refunded", "taken_back", "credited") == [
        (1230, 0, 0, 0),
        (D("68.27"), 200, 0, 200),
        (0, 0, D("38.27"), 0),
        *[(0, 0, 0, 0)] * 3,
    ]
    # In February 38.27 of 68.27 was taken back; a refund was paid all the same.
    assert [round(row.collection or 0, 2) for row in rows] == [100, D("43.94"), 0, 0, 0, 0]
    assert named(months("JPY")[:3], "paid", "collection") == [(3000, 100), (0, 0), (5000, 0)]


def test_what_is_due_is_told_by_age_as_it_was_then(history: OrganizationRef) -> None:
    june, yen = read()["USD"].outstanding, read()["JPY"].outstanding
    march = read(datetime(2024, 3, 1, tzinfo=UTC))["USD"].outstanding
    february = read(datetime(2024, 2, 1, tzinfo=UTC))["USD"].outstanding

    assert (june.days_0_30, june.days_31_60) == (30, 90)
    assert (june.days_61_90, june.days_91) == (D("12.5"), D("128.27"))
    assert june.total == D("260.77")
    assert (yen.days_0_30, yen.days_31_60, yen.days_61_90, yen.days_91) == (3000, 3000, 3000, 6000)
    # What the bank took back was paid in February, and is due again in March.
    assert (march.days_0_30, march.days_31_60, march.days_91) == (90, D("38.27"), 0)
    assert february.total == 0


def test_what_was_given_up_is_not_outstanding(history: OrganizationRef) -> None:
    with clock.frozen(LATER), tenant_scope(history):
        invoice_give_up(
            organization=history,
            actor=SYSTEM_ACTOR,
            invoice_id=invoices_last(history).id,
            reason="Gone.",
        )
    found = read()["USD"].outstanding

    assert (found.total, found.days_0_30, found.given_up) == (D("230.77"), 0, 30)


def invoices_last(organization: OrganizationRef) -> Invoice:
    return Invoice.objects.filter(organization_id=organization.id).order_by("-id")[0]


def test_taxes_are_a_column_of_their_own(organization: OrganizationRef) -> None:
    set_profile(organization)
    add_tax("19")
    ask(organization, "100", day(6, 3))
    tick(day(6, 3))

    month = read()["USD"].month
    assert (month.outcomes, month.taxes, month.billed) == (100, 19, 119)


def test_the_present_month_is_read_up_to_now(history: OrganizationRef) -> None:
    with clock.frozen(day(6, 7)), system_scope("test"):
        (usd,) = (each for each in revenue_read(month=JUNE) if each.currency == "USD")

    assert (usd.month.mrr, usd.month.contraction) == (130, 60)
    assert usd.outstanding.days_0_30 == 30


def test_five_statements_read_it_however_many_customers_there_are(
    history: OrganizationRef,
) -> None:
    counts = []
    for name in ("", "fourth", "fifth"):
        if name:
            go(make_organization(name), "small", day(6, 8))
        with clock.frozen(LATER), system_scope("test"):
            with CaptureQueriesContext(connection) as queries:
                revenue_read(month=JUNE)
        counts.append(len(queries))

    assert counts == [5, 5, 5]


def test_the_page_says_each_figure_and_what_it_means(
    operator: Client, history: OrganizationRef
) -> None:
    with clock.frozen(LATER):
        shown = page(operator, "/admin/revenue/?month=2024-06")

    for text in ("MRR ÷ paying organizations", "31.6 %", "260.77", "6,000", "?month=2024-05"):
        assert text in shown
    assert "Nothing was sold" not in shown


def test_a_new_installation_is_told_what_will_be_here(operator: Client) -> None:
    shown = page(operator, "/admin/revenue/?month=2020-01")

    assert "Figures appear with the first paid plan" in shown
    assert "Download CSV" not in shown


def test_the_file_has_a_line_for_each_month_and_currency_and_no_formula(
    operator: Client, history: OrganizationRef
) -> None:
    with clock.frozen(LATER):
        answer = operator.get("/admin/revenue.csv?month=2024-06")

    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert answer["content-disposition"] == 'attachment; filename="revenue-2024-06.csv"'
    assert len(rows) == 24
    (june,) = (row for row in rows if (row["month"], row["currency"]) == ("2024-06", "USD"))
    assert (june["mrr"], june["contraction"], june["billed"]) == ("130", "60", "30")
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell[:1] in "=+@\t" and cell]


def test_only_operators_see_it() -> None:
    assert Client().get("/admin/revenue/").status_code == 302
    assert Client().get("/admin/revenue.csv").status_code == 302


def test_a_script_reads_the_same(history: OrganizationRef) -> None:
    told = StringIO()
    with clock.frozen(LATER):
        call_command("revenue", "--month", "2024-06", "--json", stdout=told)
        found = json.loads(told.getvalue())
        lines = StringIO()
        call_command("revenue", "--month", "2024-06", stdout=lines)

    assert found["month"] == "2024-06"
    usd, yen = found["currencies"]
    assert (yen["currency"], usd["months"][-1]["mrr"]) == ("JPY", "130")
    assert usd["outstanding"]["total"] == "260.77"
    assert usd["months"][-6]["customer_churn"] is None
    assert "USD  mrr: 130" in lines.getvalue()


@pytest.mark.parametrize("month", ["2024-8", "2024-13", "soon"])
def test_a_month_that_is_none_or_has_not_begun_is_refused(month: str) -> None:
    with clock.frozen(LATER), pytest.raises(CommandError, match="a month such as"):
        call_command("revenue", "--month", month)
