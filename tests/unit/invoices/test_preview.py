"""What a change of plan would cost: exactly what the invoice says that then comes."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.plans.contracts import Period
from billing.promotions.contracts import PromotionKind, PromotionTerms
from tests.unit.billing.test_promotions import add, redeem
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import (
    BEGINS,
    FEBRUARY,
    D,
    add_plan,
    add_tax,
    go,
    invoices,
    set_profile,
    tick,
)

pytestmark = pytest.mark.django_db

PREVIEW = "/v1/billing/subscription/preview"
AT = datetime(2029, 2, 10, 7, 30, 1, 5, tzinfo=UTC)
FEES = {"JPY": ("1900", "9900"), "USD": ("19.99", "99.95"), "KWD": ("6.125", "30.5")}


def previewed(client: APIClient, plan: str, at: datetime, **more: str) -> dict[str, Any]:
    with clock.frozen(at):
        answer = client.post(PREVIEW, {"plan": plan} | more, format="json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def came(client: APIClient, organization: OrganizationRef) -> dict[str, Any]:
    """The newest invoice, as far as a preview can know it."""
    newest = invoices(organization)[-1]
    name = public_id("inv_", newest.id)
    whole = client.get(f"/v1/billing/invoices/{name}").json()
    for line in whole["lines"]:
        del line["id"]
        line["evidence"].pop("subscription_period", None)
    names = ("currency", "lines", "taxes", "subtotal", "tax", "total")
    return {name: whole[name] for name in names}


@pytest.mark.parametrize("seed", range(6))
def test_a_preview_is_the_invoice_that_then_comes(
    organization: OrganizationRef, client_api: APIClient, seed: int
) -> None:
    chance = random.Random(seed)
    currency = chance.choice(list(FEES))
    zone = chance.choice(["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "UTC"])
    small, large = FEES[currency]
    add_plan("small", fee=D(small), currency=currency)
    add_plan("large", fee=D(large), currency=currency)
    add_tax("19")
    set_profile(organization)
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D("12.5"), invoices=9))
    redeem(organization)
    begins = BEGINS + timedelta(days=chance.randint(0, 300), seconds=chance.randint(0, 86400))
    after = begins + timedelta(microseconds=chance.randint(1, 50 * 86400 * 10**6))

    first = previewed(client_api, "small", begins, time_zone=zone)
    go(organization, "small", begins, time_zone=zone)
    tick(begins)
    assert first["invoice"] == came(client_api, organization)
    tick(after)
    second = previewed(client_api, "large", after)
    go(organization, "large", after)
    tick(after)

    assert second["invoice"] == came(client_api, organization)
    assert second["due_now"] == second["invoice"]["total"] != first["due_now"]
    with clock.frozen(after):
        upcoming = client_api.get("/v1/billing/invoices/upcoming").json()
    assert second["next_invoice"] == upcoming


def test_a_preview_leaves_nothing_behind(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    before = _everything()

    previewed(client_api, "pro", AT)

    assert _everything() == before
    assert len(invoices(organization)) == 1


def _everything() -> dict[str, int]:
    """How many rows the tables of money, the trail and the outbox have."""
    with system_scope("test"), connection.cursor() as cursor:
        tables = [
            name
            for name in connection.introspection.table_names(cursor)
            if name.startswith(("invoices_", "plans_", "ledger_", "promotions_", "webhooks_"))
        ]
        counted = {}
        for name in tables:
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            counted[name] = cursor.fetchone()[0]
        return counted | {
            "audit": AuditEvent.objects.count(),
            "outbox": OutboxMessage.objects.count(),
        }


def test_a_price_is_read_before_a_card_is_saved(client_api: APIClient) -> None:
    seen = previewed(client_api, "pro", BEGINS)
    with clock.frozen(BEGINS):
        changed = client_api.post(
            "/v1/billing/subscription",
            {"plan": "pro"},
            format="json",
            headers={"Idempotency-Key": "once"},
        )

    assert seen["due_now"] == "99.00"
    assert error_of(changed)["code"] == "payment_method_required"


def test_a_cheaper_plan_costs_nothing_now(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    go(organization, "pro", BEGINS)
    tick(BEGINS)

    seen = previewed(client_api, "starter", AT)

    assert (seen["invoice"], seen["due_now"], seen["credit"]) == (None, "0.00", "0.00")
    assert datetime.fromisoformat(seen["starts_at"]) == FEBRUARY
    assert seen["next_invoice"]["total"] == "19.00"


def test_what_was_due_before_is_no_part_of_a_change(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    go(organization, "pro", BEGINS)

    seen = previewed(client_api, "starter", BEGINS)

    assert (seen["invoice"], seen["due_now"]) == (None, "0.00")
    assert invoices(organization) == []


def test_what_is_given_back_beyond_the_new_fee_waits(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    add_plan("year", fee=D(120), period=Period.YEAR)
    go(organization, "year", BEGINS)
    tick(BEGINS)
    at = BEGINS + timedelta(days=1)

    seen = previewed(client_api, "pro", at)
    go(organization, "pro", at)
    tick(at)

    assert len(invoices(organization)) == 1
    assert (seen["invoice"], seen["due_now"]) == (None, "0.00")
    assert D(seen["credit"]) == -(D(99) - D("119.67"))


@pytest.mark.parametrize(
    ("plan", "code"), [("starter", "subscription_unchanged"), ("nothing", "plan_not_found")]
)
def test_a_change_that_cannot_be_is_refused_as_the_change_is(
    organization: OrganizationRef, client_api: APIClient, plan: str, code: str
) -> None:
    go(organization, "starter", BEGINS)

    with clock.frozen(AT):
        refused = client_api.post(PREVIEW, {"plan": plan}, format="json")

    assert error_of(refused)["code"] == code
