"""What webhooks hear of the ledger: thresholds, in the shape of `GET /v1/billing/notices`."""

from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel.events import ThresholdReached
from anneal.kernel.ids import public_id
from billing.numbers import quantity_json
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register

THRESHOLD: Final = "usage.threshold_reached"


def register() -> None:
    """Let webhooks hear of thresholds."""
    public_events_register(
        ThresholdReached,
        types={THRESHOLD: "So many per cent of a balance or of a budget are used."},
        fact=_fact,
    )


def _fact(event: ThresholdReached) -> Fact:
    kind, _, subject = event.rule.partition(":")
    return Fact(
        event.organization,
        THRESHOLD,
        {
            "id": public_id("ntc_", event.notice_id),
            "budget": public_id("bud_", UUID(subject)) if kind == "limit" else None,
            "unit": event.unit,
            "threshold": event.threshold,
            "used": quantity_json(Decimal(event.used)),
            "amount": quantity_json(Decimal(event.amount)),
        },
    )
