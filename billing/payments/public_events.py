"""What webhooks hear of payments."""

from typing import Final

from billing.payments.contracts import AutoTopUpPaused
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register

PAUSED: Final = "auto_top_up.paused"


def register() -> None:
    """Let webhooks hear that credit is not bought by itself for a while."""
    public_events_register(
        AutoTopUpPaused,
        types={PAUSED: "Credit is not bought by itself until a moment; the reason is in it."},
        fact=_fact,
    )


def _fact(event: AutoTopUpPaused) -> Fact:
    data = {"reason": event.reason, "until": event.until.isoformat()}
    return Fact(event.organization, PAUSED, data)
