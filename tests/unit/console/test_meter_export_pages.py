"""What Stripe's meters are told, as the operator sees it: parked, and sent again."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef
from billing.payments.models import MeterExport
from tests.stripe_fake import StripeFake
from tests.unit.accounts.helpers import browser_for
from tests.unit.console.test_money_pages import actors, post
from tests.unit.console.test_operator import operator, page
from tests.unit.console.till import MISSING
from tests.unit.factories import make_member
from tests.unit.payments.conftest import fake, seed
from tests.unit.payments.metered import EVENT, counted, make_meter, rows, turn, use

__all__ = ["fake", "operator", "seed"]  # fixtures of the console's and payments' tests

pytestmark = pytest.mark.django_db

EXPORTS = "/admin/payments/meterexport"
UNKNOWN = "nobodys"


@pytest.fixture
def parked(fake: StripeFake, organization: OrganizationRef, settings: Any) -> MeterExport:
    """Seven units of a meter that Stripe does not have."""
    settings.ANNEAL_STRIPE_METERS = {"prediction": UNKNOWN}
    turn(fake)
    fake.advance(hours=1)
    use(fake, organization, "7")
    turn(fake, hours=2)
    (row,) = rows(organization)
    return row


def offered(operator: Client, row: MeterExport) -> set[str]:
    shown = page(operator, f"{EXPORTS}/{row.id}/change/")
    return {act for act in ("park", "send-again") if f"{row.id}/{act}/" in shown}


def state(organization: OrganizationRef) -> str:
    return str(rows(organization)[0].state)


def test_what_stripe_does_not_take_is_shown_with_its_reason_and_sent_again(
    operator: Client, fake: StripeFake, organization: OrganizationRef, parked: MeterExport
) -> None:
    listed = page(operator, f"{EXPORTS}/?state=parked")
    assert "No active meter found for event name" in listed
    assert organization.slug in listed
    assert str(parked.id) not in page(operator, f"{EXPORTS}/?state=sent")
    assert parked.identifier in page(operator, f"{EXPORTS}/{parked.id}/change/")
    assert offered(operator, parked) == {"send-again"}
    make_meter(fake, UNKNOWN)

    assert post(operator, f"{EXPORTS}/{parked.id}/send-again/", {})[0] == 302
    turn(fake, minutes=5)

    assert (state(organization), counted(fake, organization, UNKNOWN)) == ("sent", 7)
    assert offered(operator, parked) == set()
    assert "look at it anew" in post(operator, f"{EXPORTS}/{parked.id}/send-again/", {})[1]
    reason = {"reason": "Too late."}
    assert "look at it anew" in post(operator, f"{EXPORTS}/{parked.id}/park/", reason)[1]
    assert counted(fake, organization, UNKNOWN) == 7
    assert actors("meter_export.release") == {"operator@local"}


def test_all_that_is_parked_is_sent_again_at_once(
    operator: Client, fake: StripeFake, organization: OrganizationRef, parked: MeterExport
) -> None:
    make_meter(fake, UNKNOWN)
    assert "again: 1" in page(operator, f"{EXPORTS}/send-parked-again/")

    assert post(operator, f"{EXPORTS}/send-parked-again/", {})[0] == 302
    turn(fake, minutes=5)

    assert (state(organization), counted(fake, organization, UNKNOWN)) == ("sent", 7)


def test_what_waits_is_parked_and_what_comes_after_it_goes_on(
    operator: Client, fake: StripeFake, organization: OrganizationRef, settings: Any
) -> None:
    settings.ANNEAL_STRIPE_METERS = {"prediction": EVENT}
    make_meter(fake)
    turn(fake)
    fake.advance(hours=1)
    use(fake, organization, "7")
    fake.faults.add("cut_before", path="/v1/billing/.*", times=100)
    turn(fake, hours=2)
    (row,) = rows(organization)
    assert offered(operator, row) == {"park"}
    assert "required" in post(operator, f"{EXPORTS}/{row.id}/park/", {"reason": " "})[1]

    assert post(operator, f"{EXPORTS}/{row.id}/park/", {"reason": "A test's usage."})[0] == 302
    fake.faults.clear()
    use(fake, organization, "5")
    turn(fake, hours=2)

    assert [each.state for each in rows(organization)] == ["parked", "sent"]
    assert counted(fake, organization) == 5
    assert "A test&#x27;s usage." in page(operator, f"{EXPORTS}/?state=parked")
    assert actors("meter_export.park") == {"operator@local"}


def test_the_list_costs_the_same_for_one_row_and_for_many(
    operator: Client, fake: StripeFake, organization: OrganizationRef, parked: MeterExport
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as told:
            page(operator, f"{EXPORTS}/")
        return len(told)

    one = cost()
    for _ in range(3):
        use(fake, organization, "7")
        turn(fake, hours=2)

    assert len(rows(organization)) == 4
    assert (one, cost()) == (10, 10)


def test_only_an_operator_acts_and_only_on_what_is_there(
    operator: Client, organization: OrganizationRef, parked: MeterExport
) -> None:
    browser = browser_for(make_member(organization, Role.OWNER))

    for act in ("park", "send-again"):
        assert operator.get(f"{EXPORTS}/{MISSING}/{act}/").status_code == 404
    assert post(browser, f"{EXPORTS}/{parked.id}/send-again/", {})[0] == 302
    assert post(browser, f"{EXPORTS}/send-parked-again/", {})[0] == 302
    assert state(organization) == "parked"
