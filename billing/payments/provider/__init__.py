"""The provider of this installation: Stripe where its key is set, else the demo."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

from django.conf import settings

from billing.payments.provider.port import Provider

__all__ = ["Provider", "provider_current", "provider_instead"]

_instead: Final[ContextVar[Provider | None]] = ContextVar("payment_provider", default=None)


def provider_current() -> Provider:
    """Return who keeps cards and collects here."""
    instead = _instead.get()
    if instead is not None:
        return instead
    # The client is heavy, and most processes never need it.
    if settings.ANNEAL_DEMO_BILLING:
        from billing.payments.provider.demo import DemoProvider  # noqa: PLC0415

        return DemoProvider()
    from billing.payments.provider.stripe import stripe_provider  # noqa: PLC0415

    return stripe_provider()


@contextlib.contextmanager
def provider_instead(provider: Provider) -> Iterator[None]:
    """Let another one collect inside the block: a simulated year has a bank of its own."""
    token = _instead.set(provider)
    try:
        yield
    finally:
        _instead.reset(token)
