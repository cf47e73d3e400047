"""A Stripe for tests: stateful, with its own time, and with everything that goes wrong.

It speaks API version 2026-10-28.endive to the unchanged official client and refuses what Stripe
refuses. A call or a parameter that it does not serve is answered with 501 and never ignored.
"""

from tests.stripe_fake.fake import API_KEY, StripeFake, serving, unchecked
from tests.stripe_fake.webhooks import signature

__all__ = ["API_KEY", "StripeFake", "serving", "signature", "unchecked"]
