"""Events as Stripe writes them; the demo writes them so too."""

import json
from datetime import UTC, datetime
from typing import Any

import stripe

from billing.payments.contracts import ProviderEvent
from billing.payments.errors import SignatureInvalid

_TOLERANCE = 300


def signed(body: bytes, signature: str, secret: str) -> ProviderEvent:
    """Return the event of a body whose signature holds and is fresh. Raises SignatureInvalid."""
    if not secret:
        raise SignatureInvalid
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(text, signature, secret, _TOLERANCE)
        return event_of(json.loads(text))
    except (ValueError, KeyError, TypeError, stripe.SignatureVerificationError) as error:
        raise SignatureInvalid from error


def event_of(found: dict[str, Any]) -> ProviderEvent:
    """Read what an event is about."""
    about = found["data"]["object"]
    before = found["data"].get("previous_attributes") or {}
    kind = about["object"]
    # A card that was detached belongs to nobody any more: it says whose it was.
    customer = about["id"] if kind == "customer" else about.get("customer")
    customer = customer or before.get("customer") or ""
    return ProviderEvent(
        ref=found["id"],
        type=found["type"],
        kind=kind,
        object_ref=about.get("id") or "",
        customer=_ref(customer),
        intent=_ref(about.get("payment_intent")),
        created_at=datetime.fromtimestamp(found["created"], UTC),
        body=json.dumps(found, separators=(",", ":"), default=str),
    )


def _ref(value: Any) -> str:
    """Return a reference, whether it came expanded or not."""
    return str(value.get("id", "")) if isinstance(value, dict) else value or ""
