"""The provider of this installation: Stripe where its key is set, else the demo."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

from django.conf import settings
from django.db.models import Q

from billing.payments.contracts import DEMO_REF
from billing.payments.provider.port import Provider

__all__ = ["Provider", "is_current", "provider_current", "provider_instead", "refs_current"]

_instead: Final[ContextVar[Provider | None]] = ContextVar("payment_provider", default=None)


def provider_current() -> Provider:
    """Return who keeps cards and collects here."""
    instead = _instead.get()
    if instead is not None:
        return instead
    # The client is heavy, and most processes never need it.
    if _is_demo():
        from billing.payments.provider.demo import DemoProvider  # noqa: PLC0415

        return DemoProvider()
    from billing.payments.provider.stripe import stripe_provider  # noqa: PLC0415

    return stripe_provider()


def refs_current(column: str) -> Q:
    """Return which rows are of who collects now: what the demo kept, nobody charges after it."""
    demo = Q(**{f"{column}__startswith": DEMO_REF})
    return demo if _is_demo() else ~demo


def is_current(ref: str) -> bool:
    """Say whether a reference is one of who collects now."""
    return bool(ref) and ref.startswith(DEMO_REF) == _is_demo()


def _is_demo() -> bool:
    return _instead.get() is None and bool(settings.ANNEAL_DEMO_BILLING)


@contextlib.contextmanager
def provider_instead(provider: Provider) -> Iterator[None]:
    """Let another one collect inside the block: a simulated year has a bank of its own."""
    token = _instead.set(provider)
    try:
        yield
    finally:
        _instead.reset(token)
