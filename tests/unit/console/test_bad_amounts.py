"""No number, unit or moment that money cannot have comes in by one of the operator's forms."""

import html
from typing import Any

import pytest
from django.test import Client

from anneal.kernel.scopes import system_scope
from billing.ledger.models import Grant
from billing.plans.models import Plan, PlanVersion, TrialTerms
from billing.prices.models import Price
from billing.promotions.models import Promotion
from tests.unit.console.test_money_pages import ADD_PRICE, PRICE, TERMS
from tests.unit.console.test_operator import operator

__all__ = ["operator"]  # a fixture of the console's tests

pytestmark = pytest.mark.django_db

NEGATIVE, ZERO, NO_NUMBER, HUGE = "-1", "0", "NaN", "1e30"
NONE_ABOVE_ZERO = (NEGATIVE, ZERO, NO_NUMBER, HUGE)


def refused(client: Client, path: str, body: dict[str, Any]) -> str:
    """What stands beside the form, which must come back."""
    answer = client.post(path, body)
    assert answer.status_code == 200
    shown = html.unescape(answer.content.decode())
    assert "errorlist" in shown or "error" in shown
    return shown


def rows() -> tuple[int, ...]:
    with system_scope("test"):
        return tuple(
            model.objects.count() for model in (Price, PlanVersion, TrialTerms, Promotion, Grant)
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"unit_amount": NEGATIVE},
        {"unit_amount": NO_NUMBER},
        {"unit_amount": HUGE},
        *[{"model": "percentage", "unit_amount": "", "percent": one} for one in NONE_ABOVE_ZERO],
        *[
            {"model": "package", "unit_amount": "", "package_units": one, "package_amount": "1"}
            for one in NONE_ABOVE_ZERO
        ],
        *[
            {"model": "package", "unit_amount": "", "package_units": "5", "package_amount": one}
            for one in NONE_ABOVE_ZERO
        ],
        *[
            {"model": "graduated", "unit_amount": "", "tiers": f"10 {one}\n* 1"}
            for one in (NEGATIVE, NO_NUMBER, HUGE)
        ],
        *[{"minimum": one} for one in NONE_ABOVE_ZERO],
        {"currency": "JPY", "minimum": "0.5"},
        {"currency": "KWD", "minimum": "0.0001"},
        {"currency": "usd"},
        {"meter": "bananas"},
        {"effective_at": "2020-01-01T00:00"},
    ],
)
def test_a_price(operator: Client, changes: dict[str, str]) -> None:
    before = rows()
    refused(operator, ADD_PRICE, PRICE | changes)
    assert rows() == before


def test_a_price_that_overlaps_another(operator: Client) -> None:
    later = {"effective_at": "2040-01-01T00:00"}
    assert operator.post(ADD_PRICE, PRICE | later).status_code == 302
    before = rows()

    assert "2040" in refused(operator, ADD_PRICE, PRICE | later)
    assert rows() == before


@pytest.mark.parametrize(
    "changes",
    [
        *[{"fee": one} for one in (NEGATIVE, NO_NUMBER, HUGE)],
        *[{"included": f"prediction {one}"} for one in (NEGATIVE, "0.5", NO_NUMBER, HUGE)],
        {"included": "bananas 5"},
        *[{"caps": f"prediction day {one}"} for one in NONE_ABOVE_ZERO],
        {"caps": "bananas day 5"},
        {"caps": "EUR day 5"},
        {"caps": "USD day 0.001"},
        *[{"credit_line": one} for one in NONE_ABOVE_ZERO],
        {"currency": "JPY", "caps": "", "credit_line": "75", "fee": "29.50"},
        {"currency": "JPY", "caps": "", "credit_line": "0.5", "fee": "29"},
        {"currency": "KWD", "caps": "", "fee": "0.0001"},
        {"currency": "ABC", "caps": ""},
    ],
)
def test_terms_of_a_plan(operator: Client, changes: dict[str, str]) -> None:
    plan = Plan.objects.get(code="starter")
    before = rows()
    refused(operator, f"/admin/plans/plan/{plan.id}/draft/", TERMS | changes)
    assert rows() == before


@pytest.mark.parametrize(
    "units",
    ["bananas 5", "prediction", *[f"prediction {one}" for one in (NEGATIVE, NO_NUMBER, HUGE)]],
)
def test_a_trial(operator: Client, units: str) -> None:
    before = rows()
    refused(operator, "/admin/plans/trialterms/set-trial/", {"days": "5", "units": units})
    assert rows() == before


@pytest.mark.parametrize(
    "changes",
    [
        *[{"kind": "units", "unit": "prediction", "units": one} for one in NONE_ABOVE_ZERO],
        {"kind": "units", "unit": "bananas", "units": "5"},
        *[
            {"kind": "percent", "percent": one, "invoices": "1"}
            for one in (*NONE_ABOVE_ZERO, "101")
        ],
        *[{"kind": "amount", "amount": one, "currency": "USD"} for one in NONE_ABOVE_ZERO],
        {"kind": "amount", "amount": "0.5", "currency": "JPY"},
        {"kind": "amount", "amount": "0.0001", "currency": "KWD"},
        {"kind": "amount", "amount": "5", "currency": "ABC"},
        {"kind": "trial", "days": "0"},
        {"kind": "trial", "days": "3", "valid_until": "2020-01-01T00:00"},
    ],
)
def test_a_promotion_code(operator: Client, changes: dict[str, str]) -> None:
    before = rows()
    refused(operator, "/admin/promotions/promotion/add-promotion/", {"code": "WINTER-26"} | changes)
    assert rows() == before
