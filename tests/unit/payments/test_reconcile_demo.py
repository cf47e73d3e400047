"""Reconcile asks the demo's provider too, while it collects."""

from collections.abc import Callable
from typing import Any

import pytest

from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.payments.models import DemoObject
from tests.unit.payments.test_reconcile_payments import found

pytestmark = pytest.mark.django_db


@pytest.fixture
def bought(organization: OrganizationRef, client_api: Any) -> OrganizationRef:
    """An organization that bought credit where the demo collects."""
    page = client_api.post(
        "/v1/billing/checkout",
        {"return_path": "/o/acme/billing", "purpose": "top_up", "amount": "50"},
        format="json",
        headers={"Idempotency-Key": "once"},
    ).json()
    card = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123"}
    client_api.post(f"/v1/billing/demo_checkout/{page['id']}", card, format="json")
    return organization


def demo_change(**body: Any) -> None:
    with system_scope("test"):
        row = DemoObject.objects.get(kind="payment_intent")
        row.body |= body
        row.save(update_fields=["body"])


@pytest.mark.parametrize("arguments", [[], ["--organization"]])
def test_the_demo_is_asked_too(bought: OrganizationRef, arguments: list[str]) -> None:
    whom = [*arguments, *[bought.slug for _ in arguments]]
    assert found(*whom)[0] == set()
    demo_change(amount_minor=1)

    assert found(*whom)[0] == {"provider.payment"}


def test_payments_of_the_demo_are_nobodys_question_once_stripe_collects(
    bought: OrganizationRef, request: pytest.FixtureRequest
) -> None:
    demo_change(amount_minor=1)
    asked: Callable[..., Any] = request.getfixturevalue
    asked("fake")

    assert found()[0] == set()
