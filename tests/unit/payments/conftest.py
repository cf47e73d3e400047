"""An installation whose payment provider is the Stripe of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import stripe
from django.conf import settings

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


@contextmanager
def collecting(seed: int) -> Iterator[StripeFake]:
    """Set this installation to a Stripe account, for the length of the block."""
    with serving(StripeFake(seed=seed)) as fake, pytest.MonkeyPatch.context() as patch:
        # The client waits half a second before it asks once more: nothing gets better by waiting.
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
        endpoint = fake.endpoint("http://127.0.0.1:9/never-called")
        patch.setattr(settings, "ANNEAL_DEMO_BILLING", False)
        patch.setattr(settings, "ANNEAL_STRIPE_SECRET_KEY", API_KEY)
        patch.setattr(settings, "ANNEAL_STRIPE_API_BASE", fake.url)
        patch.setattr(settings, "ANNEAL_STRIPE_WEBHOOK_SECRET", endpoint["secret"])
        stripe_provider.cache_clear()
        yield fake
        stripe_provider().close()
        stripe_provider.cache_clear()


@pytest.fixture
def fake(seed: int) -> Iterator[StripeFake]:
    """A Stripe account that this installation is set to."""
    with collecting(seed) as fake:
        yield fake


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
