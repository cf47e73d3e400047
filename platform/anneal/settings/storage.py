"""Object storage by one URL: ``file:///folder`` or ``s3://bucket/prefix?endpoint_url=...``."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


def storage_settings(url: str) -> dict[str, Any]:
    """Return Django's STORAGES entry for a storage URL."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": unquote(parts.path), "file_permissions_mode": 0o600},
        }
    if parts.scheme == "s3":
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        options: dict[str, Any] = {
            "bucket_name": parts.netloc,
            "location": unquote(parts.path.lstrip("/")),
            "file_overwrite": True,
            "default_acl": None,
            "querystring_auth": True,
            **query,
        }
        if parts.username:
            options["bucket_name"] = parts.hostname
            options["access_key"] = unquote(parts.username)
            options["secret_key"] = unquote(parts.password or "")
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    raise ValueError(
        f"STORAGE_URL starts with file:// or s3://, not {parts.scheme or 'nothing'}://."
    )
