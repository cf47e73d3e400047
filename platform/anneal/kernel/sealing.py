"""Secrets that must be read again, such as what signs a webhook: sealed with a key of SECRET_KEY's.

Who has the database alone has none of them. A text sealed under an earlier SECRET_KEY opens while
that key stands in SECRET_KEY_FALLBACKS.
"""

import base64
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_KEY_BYTES: Final = 32


class SealBroken(Exception):
    """The text was sealed with another key or for another purpose, or was changed."""


def seal(purpose: str, secret: bytes) -> str:
    """Encrypt ``secret``; only ``unseal`` with the same purpose reads it."""
    return _box(purpose).encrypt(secret).decode()


def unseal(purpose: str, sealed: str) -> bytes:
    """Return what was sealed. Raises SealBroken."""
    try:
        return _box(purpose).decrypt(sealed.encode())
    except InvalidToken:
        raise SealBroken(purpose) from None


def _box(purpose: str) -> MultiFernet:
    keys = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([Fernet(_derived(purpose, key)) for key in keys])


def _derived(purpose: str, key: str) -> bytes:
    """A key of this purpose alone: what opens webhooks' secrets signs no session."""
    derive = HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=f"anneal/{purpose}".encode())
    return base64.urlsafe_b64encode(derive.derive(key.encode()))
