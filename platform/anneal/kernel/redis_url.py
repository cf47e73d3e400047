"""One Redis URL, several spellings."""

from urllib.parse import parse_qs, urlsplit


def broker_url(url: str) -> str:
    """Turn ``redis://`` or ``unix:///path?db=0`` into the spelling Celery reads."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"
