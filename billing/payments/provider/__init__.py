"""The provider of this installation: Stripe where its key is set, else the demo."""

from django.conf import settings

from billing.payments.provider.port import Provider

__all__ = ["Provider", "provider_current"]


def provider_current() -> Provider:
    """Return who keeps cards and collects here."""
    # The client is heavy, and most processes never need it.
    if settings.ANNEAL_DEMO_BILLING:
        from billing.payments.provider.demo import DemoProvider  # noqa: PLC0415

        return DemoProvider()
    from billing.payments.provider.stripe import stripe_provider  # noqa: PLC0415

    return stripe_provider()
