"""Standard Webhooks: the secret's text, the headers, the signature."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from anneal.kernel.sealing import seal, unseal

PREFIX: Final = "whsec_"
_PURPOSE: Final = "webhook-secret"
_BYTES: Final = 32  # the standard asks for 24 to 64


def secret_make() -> str:
    """Return a new secret, as it is shown once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def secret_seal(text: str) -> str:
    """Return what is stored of it."""
    return seal(_PURPOSE, text.encode())


def secret_open(sealed: str) -> str:
    """Return the secret's text. Raises SealBroken."""
    return unseal(_PURPOSE, sealed).decode()


def signed_headers(
    *, event_id: str, timestamp: int, body: bytes, texts: Sequence[str]
) -> dict[str, str]:
    """Return the three headers; while a secret is being replaced, one signature for each."""
    content = f"{event_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(text, content)}" for text in texts),
    }


def _signature(text: str, content: bytes) -> str:
    key = base64.b64decode(text.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
