"""The operator's forms about money: prices, plans, the trial and promotion codes."""

import html
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from anneal.console.admin.form_page import PREVIEW
from anneal.kernel.models import AuditEvent
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.selectors import plans_offered, trial_terms_current
from billing.prices.models import Meter, Price
from billing.promotions.models import Promotion
from tests.unit.console.test_operator import operator, page

__all__ = ["operator"]  # a fixture of the console's tests

pytestmark = pytest.mark.django_db

ADD_PRICE = "/admin/prices/price/add-price/"
PRICE = {
    "meter": "prediction",
    "currency": "USD",
    "model": "per_unit",
    "unit_amount": "0.00008",
    "tiers": "",
    "task": "text_classification",
    "channel": "batch",
    "plan": "pro",
}
TERMS = {
    "fee": "29.50",
    "currency": "USD",
    "period": "month",
    "included": "prediction 5000\ntrained_token 7",
    "caps": "prediction month 4000\nUSD day 2.50 soft",
    "priority": "40",
    "seats": "3",
    "overage": "invoice",
    "credit_line": "75",
}


def post(client: Client, path: str, body: dict[str, Any]) -> tuple[int, str]:
    answer = client.post(path, body)
    return answer.status_code, html.unescape(answer.content.decode())


def actors(*actions: str) -> set[str]:
    with system_scope("test"):
        rows = AuditEvent.objects.filter(action__in=actions)
        assert set(rows.values_list("action", flat=True)) == set(actions)
        return set(rows.values_list("actor_label", flat=True))


def test_a_price_is_calculated_before_it_is_added(operator: Client) -> None:
    before = Price.objects.count()
    assert "Calculate" in page(operator, ADD_PRICE)

    status, shown = post(operator, ADD_PRICE, PRICE | {PREVIEW: "1"})

    assert status == 200
    assert "1,000 units cost 0.08 USD." in shown
    assert Price.objects.count() == before
    assert post(operator, ADD_PRICE, PRICE)[0] == 302
    made = Price.objects.get(plan="pro")
    assert (made.unit_amount, made.match) == (
        Decimal("0.00008"),
        {"task": "text_classification", "channel": "batch"},
    )
    assert "1,000 units cost 0.08 USD." in page(operator, f"/admin/prices/price/{made.id}/change/")
    assert actors("price.add") == {"operator@local"}


def test_tiers_are_written_a_line_each(operator: Client) -> None:
    body = PRICE | {"model": "graduated", "unit_amount": "", "tiers": "1000 0.01 5\n* 0.002"}

    _, shown = post(operator, ADD_PRICE, body | {PREVIEW: "1", "minimum": "20"})

    assert "1 units cost 5.01 USD." in shown
    assert "1,000,000 units cost 2013 USD." in shown
    assert "An invoice asks for 20 USD at least." in shown


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unit_amount": "-1"}, "of at least 0"),
        ({"unit_amount": "NaN"}, "number"),
        ({"unit_amount": "1e30"}, "10^15"),
        ({"currency": "ABC"}, "no currency we know"),
        ({"model": "volume", "unit_amount": "", "tiers": "9 2\n* 1"}, "known only afterwards"),
        ({"model": "percentage", "unit_amount": "", "percent": "5"}, "known only afterwards"),
        ({"minimum": "1.001"}, "at most 2 decimals"),
        ({"model": "graduated", "tiers": "x y"}, "Write each tier as"),
        ({"model": "graduated", "tiers": "1 2 3 4"}, "Write each tier as"),
        ({"model": "graduated", "tiers": "10 1\n5 1\n* 1"}, "not above"),
        ({"effective_at": "2020-01-01T00:00"}, "begins now or later"),
        ({"plan": "bananas"}, "bananas"),
    ],
)
def test_a_price_that_cannot_be_is_refused_beside_the_form(
    operator: Client, changes: dict[str, str], told: str
) -> None:
    before = Price.objects.count()

    status, shown = post(operator, ADD_PRICE, PRICE | changes)

    assert status == 200
    assert told in shown
    assert Price.objects.count() == before


def test_a_meter_is_added(operator: Client) -> None:
    path = "/admin/prices/meter/add-meter/"
    body = {"code": "page", "name_en": "Pages", "name_zh": "页", "unit_en": "page", "unit_zh": "页"}
    page(operator, path)

    assert post(operator, path, body)[0] == 302
    assert "choose another code" in post(operator, path, body)[1]
    assert Meter.objects.filter(code="page").count() == 1
    assert actors("meter.add") == {"operator@local"}


def test_a_plan_is_made_drafted_published_and_hidden(operator: Client) -> None:
    names = {"name_en": "Team", "name_zh": "团队版", "position": "3"}
    add = "/admin/plans/plan/add-plan/"
    page(operator, add)
    assert post(operator, add, names | {"code": "team", "public": "on"})[0] == 302
    plan = Plan.objects.get(code="team")
    base = f"/admin/plans/plan/{plan.id}"

    page(operator, f"{base}/draft/")
    assert post(operator, f"{base}/draft/", TERMS)[0] == 302
    shown = page(operator, f"{base}/draft/")
    assert "29.5" in shown
    assert "USD day 2.50 soft" in shown
    assert 'value="75"' in shown
    assert post(operator, f"{base}/draft/", TERMS | {"fee": "20"})[0] == 302
    assert 'value="20"' in page(operator, f"{base}/draft/")
    draft = PlanVersion.objects.get(plan=plan)
    assert draft.included == {"prediction": "5000", "trained_token": "7"}
    assert [(cap["unit"], cap["hard"]) for cap in draft.caps] == [
        ("USD", False),
        ("prediction", True),
    ]
    publish = f"/admin/plans/planversion/{draft.id}/publish/"
    page(operator, publish)
    assert post(operator, publish, {})[0] == 302
    assert "never changes" in post(operator, publish, {})[1]
    assert [one.code for one in plans_offered()] == ["free", "starter", "pro", "team"]

    page(operator, f"{base}/edit-plan/")
    assert post(operator, f"{base}/edit-plan/", names)[0] == 302
    assert [one.code for one in plans_offered()] == ["free", "starter", "pro"]
    assert actors("plan.add", "plan.edit", "plan_version.draft", "plan_version.publish") == {
        "operator@local"
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fee": "-1"}, "of at least 0"),
        ({"fee": "0.001"}, "at most 2 decimals"),
        ({"included": "bananas 5"}, "No meter counts 'bananas'"),
        ({"included": "prediction"}, "Write each line as"),
        ({"included": "prediction NaN"}, "of at least 0"),
        ({"credit_line": ""}, "credit_line"),
        ({"caps": "prediction week 5"}, "Write each cap as"),
        ({"caps": "prediction month 5 firm"}, "Write each cap as"),
        ({"caps": "prediction month -5"}, "above 0"),
        ({"caps": "prediction month 0"}, "above 0"),
        ({"caps": "prediction month NaN"}, "above 0"),
        ({"caps": "prediction month 1e30"}, "10^15"),
        ({"caps": "bananas month 5"}, "cap a meter's units"),
        ({"caps": "USD month 0.001"}, "at most 2 decimals"),
    ],
)
def test_terms_that_cannot_be_are_refused_beside_the_form(
    operator: Client, changes: dict[str, str], told: str
) -> None:
    plan = Plan.objects.get(code="starter")

    status, shown = post(operator, f"/admin/plans/plan/{plan.id}/draft/", TERMS | changes)

    assert (status, told in shown) == (200, True)
    assert PlanVersion.objects.filter(plan=plan).count() == 1


def test_the_operator_assigns_a_plan_that_costs_money(
    operator: Client, organization: OrganizationRef
) -> None:
    path = f"/admin/accounts/organization/{organization.id}/assign-plan/"
    page(operator, path)

    body = {"plan": "pro", "time_zone": "Asia/Shanghai"}
    assert "No such time zone" in post(operator, path, body | {"time_zone": "Mars"})[1]
    assert post(operator, path, body)[0] == 302

    with tenant_scope(organization):
        assert Subscription.objects.get().time_zone == "Asia/Shanghai"
    assert "pro" in page(operator, "/admin/plans/subscription/")
    assert actors("subscription.start") == {"operator@local"}


def test_the_operator_changes_the_trial(operator: Client) -> None:
    path = "/admin/plans/trialterms/set-trial/"
    assert "prediction 1000" in page(operator, path)

    assert post(operator, path, {"days": "0", "units": ""})[0] == 200
    assert post(operator, path, {"days": "30", "units": "prediction 50"})[0] == 302

    terms = trial_terms_current()
    assert (terms.version, terms.days, terms.units) == (2, 30, {"prediction": 50})
    assert actors("trial_terms.set") == {"operator@local"}


def test_the_operator_makes_a_code_and_ends_it(operator: Client) -> None:
    path = "/admin/promotions/promotion/add-promotion/"
    body = {"code": "spring-26", "kind": "units", "unit": "prediction", "units": "100"}
    page(operator, path)

    assert "above 0" in post(operator, path, body | {"units": "-1"})[1]
    assert post(operator, path, body)[0] == 302
    assert "choose another code" in post(operator, path, body)[1]

    with system_scope("test"):
        made = Promotion.objects.get(code="SPRING-26")
    assert post(operator, f"/admin/promotions/promotion/{made.id}/end/", {})[0] == 302
    with system_scope("test"):
        assert Promotion.objects.get(code="SPRING-26").ended_at is not None
    assert actors("promotion.add", "promotion.end") == {"operator@local"}


@pytest.mark.parametrize(
    "path",
    [
        "plans/plan/{}/draft/",
        "plans/plan/{}/edit-plan/",
        "plans/planversion/{}/publish/",
        "promotions/promotion/{}/end/",
    ],
)
def test_what_is_not_there_is_not_found(operator: Client, path: str) -> None:
    missing = "00000000-0000-7000-8000-000000000009"

    assert operator.post(f"/admin/{path.format(missing)}").status_code == 404
