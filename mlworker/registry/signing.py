"""The installation's signature under what it exports: Ed25519, from SECRET_KEY alone.

Nothing is stored: the private key is derived for this purpose. What an earlier SECRET_KEY signed
verifies as long as that key stands in SECRET_KEY_FALLBACKS, or with its public key kept aside.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from django.conf import settings

_INFO: Final = b"anneal/exports/ed25519"
_SEED_BYTES: Final = 32
_KEY_ID_LENGTH: Final = 16


def sign(data: bytes) -> bytes:
    """Return the 64 bytes of the installation's signature."""
    return _private(settings.SECRET_KEY).sign(data)


def public_key_pem() -> bytes:
    """Return the key that verifies what ``sign`` signs now."""
    return _pem(_private(settings.SECRET_KEY).public_key())


def installation_keys() -> list[bytes]:
    """Return the public keys of this installation as PEM, the present one first."""
    keys = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    return [_pem(_private(key).public_key()) for key in keys]


def key_id(pem: bytes) -> str:
    """Return a short name of a public key."""
    return hashlib.sha256(pem).hexdigest()[:_KEY_ID_LENGTH]


def verifies(data: bytes, signature: bytes, pem: bytes) -> bool:
    """Say whether the key's holder signed these bytes. ValueError if ``pem`` is no such key."""
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _private(secret: str) -> Ed25519PrivateKey:
    derive = HKDF(SHA256(), length=_SEED_BYTES, salt=None, info=_INFO)
    return Ed25519PrivateKey.from_private_bytes(derive.derive(secret.encode()))


def _pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
