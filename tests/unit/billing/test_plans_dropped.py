"""A change of plan that waited and cannot begin: dropped once, and the members are told."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger import tasks
from billing.ledger.services import balance_grant
from billing.plans.contracts import Overage, Period
from billing.plans.models import Subscription
from billing.plans.selectors import subscription_get
from tests.unit.billing.test_plans_subscriptions import BEGINS, FEBRUARY, MARCH, add_plan, go, tick

pytestmark = pytest.mark.django_db

LINE = {"overage": Overage.INVOICE, "credit_line": Decimal(100)}


def money(organization: OrganizationRef, currency: str) -> None:
    with clock.frozen(BEGINS), tenant_scope(organization):
        balance_grant(
            organization=organization, unit=currency, amount=5, kind="operator", source="money"
        )


def plan_of(organization: OrganizationRef) -> tuple[str, str | None]:
    with tenant_scope(organization):
        found = subscription_get(organization=organization)
    assert found is not None
    return found.plan.code, found.next_plan and found.next_plan.code


def dropped(organization: OrganizationRef) -> list[tuple[str, str]]:
    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(action="subscription.drop").order_by("id")
        return [(row.detail["plan"], row.detail["reason"]) for row in rows]


@pytest.mark.parametrize("first", [True, False])
def test_a_plan_in_another_currency_than_the_account_is_refused_when_it_is_asked_for(
    organization: OrganizationRef, first: bool
) -> None:
    add_plan("yearly", period=Period.YEAR, **LINE)
    money(organization, "EUR")
    if not first:
        go(organization, "free", BEGINS)

    with pytest.raises(DomainError) as refused:
        go(organization, "yearly", BEGINS + timedelta(days=1))

    assert (refused.value.code, refused.value.status) == ("plan_currency", 409)
    assert "kept in EUR and the plan 'yearly' in USD" in refused.value.text
    with tenant_scope(organization):
        assert not Subscription.objects.filter(next_version__isnull=False).exists()


def test_an_account_that_got_another_currency_meanwhile_keeps_its_plan(
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    client_api: APIClient,
    other_client_api: APIClient,
) -> None:
    add_plan("yearly", period=Period.YEAR, **LINE)
    for one in (organization, other_organization):
        go(one, "free", BEGINS)
        go(one, "yearly", BEGINS + timedelta(days=1))
    money(organization, "EUR")

    for day in (FEBRUARY, FEBRUARY, MARCH):
        tick(day)

    assert plan_of(organization) == ("free", None)
    assert plan_of(other_organization) == ("yearly", None)
    assert dropped(organization) == [("yearly", "currency")]
    assert dropped(other_organization) == []
    (notice,) = client_api.get("/v1/billing/notices").json()["data"]
    assert (notice["kind"], notice["plan"], notice["reason"]) == ("plan", "yearly", "currency")
    assert other_client_api.get("/v1/billing/notices").json()["data"] == []
    with clock.frozen(FEBRUARY):
        tasks.notify()
    with system_scope("test"):
        (message,) = OutboxMessage.objects.filter(task="ledger.notice_mail")
    tasks.mail(**message.payload)
    tasks.mail(**message.payload)
    told = [one for one in mail.outbox if "could not begin" in one.subject]
    assert {one.subject for one in told} == {
        f"Anneal: {organization.slug} stays on its plan, yearly could not begin"
    }
    assert len({one.to[0] for one in told}) == len(told) > 0
    assert "another currency" in told[0].body


def test_a_free_plan_never_becomes_one_on_credit_without_a_way_to_pay(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    """Such as a change that was arranged before a credit line had to be paid for."""
    add_plan("yearly", period=Period.YEAR, **LINE)
    go(organization, "free", BEGINS)
    go(organization, "yearly", BEGINS + timedelta(days=1))
    with tenant_scope(organization):
        Subscription.objects.update(next_assigned=False)

    tick(FEBRUARY)
    tick(MARCH)

    assert plan_of(organization) == ("free", None)
    assert dropped(organization) == [("yearly", "payment")]
    (notice,) = client_api.get("/v1/billing/notices").json()["data"]
    assert (notice["kind"], notice["reason"], notice["unit"]) == ("plan", "payment", "")


def test_what_the_operator_arranged_begins(organization: OrganizationRef) -> None:
    add_plan("yearly", period=Period.YEAR, **LINE)
    go(organization, "free", BEGINS)
    go(organization, "yearly", BEGINS + timedelta(days=1))

    tick(FEBRUARY)

    assert plan_of(organization) == ("yearly", None)
    assert dropped(organization) == []
