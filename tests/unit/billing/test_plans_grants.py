"""What opening a period grants, and in which order."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Grant
from billing.plans.contracts import Overage
from billing.plans.models import Subscription
from billing.plans.services.periods import period_open
from billing.prices.models import Meter
from tests.unit.billing.test_plans_subscriptions import BEGINS, FEBRUARY, MARCH, add_plan, go

pytestmark = pytest.mark.django_db


def test_a_period_is_granted_in_the_order_in_which_calls_lock_balances(
    organization: OrganizationRef,
) -> None:
    """JSON's keys come in one of their own: the shorter first."""
    with system_scope("test"):
        Meter.objects.create(code="zip", name_en="Zip", name_zh="Zip", unit_en="zip", unit_zh="zip")
    included = {"zip": Decimal(1), "prediction": Decimal(1), "trained_token": Decimal(1)}
    add_plan("three", included=included, overage=Overage.INVOICE, credit_line=Decimal(1))

    go(organization, "three", BEGINS)

    with tenant_scope(organization):
        given = Grant.objects.filter(effective_at=BEGINS).order_by("created_at")
        units = [row.unit for row in given if row.source.startswith(("plan:", "credit_line:"))]
    assert units == ["USD", "prediction", "trained_token", "zip"]


def test_a_period_that_cannot_be_is_an_error_and_not_one_opened_before(
    organization: OrganizationRef,
) -> None:
    go(organization, "starter", BEGINS)

    with clock.frozen(BEGINS), tenant_scope(organization):
        row = Subscription.objects.get(organization_id=organization.id)
        again = period_open(organization, row, starts_at=BEGINS, whole=(BEGINS, FEBRUARY))
        with pytest.raises(IntegrityError, match="plans_subscriptionperiod_half_open"):
            period_open(organization, row, starts_at=MARCH, whole=(FEBRUARY, MARCH))

    assert again is False
