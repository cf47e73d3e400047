"""Object storage by one URL: ``file:///folder`` or ``s3://key:secret@bucket/prefix?options``.

Options of S3 are django-storages' own, such as ``endpoint_url``, ``region_name`` and
``addressing_style``. Without key and secret boto3 looks where it always does (environment, role).
"""

from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

# A call runs inside a request's transaction: it must fail long before the caller gives up.
_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 20
_ATTEMPTS: Final = 3
_MEMORY: Final = 8 * 1024 * 1024
_WORDS: Final = {"true": True, "false": False}


def storage_settings(url: str) -> dict[str, Any]:
    """Return Django's STORAGES entry for a storage URL. ValueError for any other scheme."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {
            "BACKEND": "anneal.kernel.local_storage.LocalStorage",
            "OPTIONS": {"location": unquote(parts.path)},
        }
    if parts.scheme == "s3":
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _s3_options(parts)}
    raise ValueError(
        f"STORAGE_URL starts with file:// or s3://, not {parts.scheme or 'nothing'}://."
    )


def _s3_options(parts: SplitResult) -> dict[str, Any]:
    from botocore.config import Config  # noqa: PLC0415 # a folder needs no boto

    query: dict[str, Any] = {
        name: _WORDS.get(values[-1].lower(), values[-1])
        for name, values in parse_qs(parts.query).items()
    }
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": query.pop("addressing_style", "auto")},
        signature_version=query.pop("signature_version", "s3v4"),
    )
    options: dict[str, Any] = {
        "bucket_name": parts.hostname,
        "location": unquote(parts.path.lstrip("/")),
        "file_overwrite": True,
        "default_acl": None,
        "max_memory_size": _MEMORY,
        "client_config": config,
        **query,
    }
    if parts.username:
        options["access_key"] = unquote(parts.username)
        options["secret_key"] = unquote(parts.password or "")
    return options
