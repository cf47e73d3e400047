"""An installation whose payment provider is the Stripe of the tests."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from anneal.kernel.scopes import OrganizationRef
from billing.ledger.reconcile import reconcile
from billing.payments.provider.stripe import stripe_provider
from tests.stripe_fake import API_KEY, StripeFake, serving
from tests.unit.billing.conftest import books
from tests.unit.payments.shop import Shop

__all__ = ["books"]


@pytest.fixture
def seed() -> int:
    """What the names of Stripe's objects are made from."""
    return 7


@pytest.fixture
def fake(settings: Any, monkeypatch: pytest.MonkeyPatch, seed: int) -> Iterator[StripeFake]:
    """A Stripe account that this installation is set to."""
    # The client waits half a second before it asks once more: here nothing gets better by waiting.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    with serving(StripeFake(seed=seed)) as fake:
        endpoint = fake.endpoint("http://127.0.0.1:9/never-called")
        settings.ANNEAL_DEMO_BILLING = False
        settings.ANNEAL_STRIPE_SECRET_KEY = API_KEY
        settings.ANNEAL_STRIPE_API_BASE = fake.url
        settings.ANNEAL_STRIPE_WEBHOOK_SECRET = endpoint["secret"]
        stripe_provider.cache_clear()
        yield fake
        stripe_provider().close()
        stripe_provider.cache_clear()


@pytest.fixture
def shop(
    organization: OrganizationRef, fake: StripeFake, request: pytest.FixtureRequest
) -> Iterator[Shop]:
    """An organization that buys, and the account that collects.

    Afterwards the books and Stripe agree, but in the checks that the test's mark `differs` names.
    """
    shop = Shop(organization, fake)
    yield shop
    fake.faults.clear()
    meant = {check for mark in request.node.iter_markers("differs") for check in mark.args}
    report = reconcile(organization=organization)
    assert (report.away, {drift.check for drift in report.drifts}) == ((), meant), report.drifts


@pytest.fixture
def card(shop: Shop) -> str:
    """The shop's customer has saved a card."""
    return shop.save_card()
