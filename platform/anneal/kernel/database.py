"""Reading the database URLs: one place turns them into Django's settings and libpq's words."""

from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo

# A short `reconnect_timeout`: the pause between attempts doubles, and a database that was away for
# minutes would stay unknown for minutes more; so whoever asks next has it tried anew.
POOL: Final = {"min_size": 2, "max_size": 16, "timeout": 5, "reconnect_timeout": 2}

# A host that vanishes answers nothing, not even that it is gone, and a kernel left alone goes on
# asking for a quarter of an hour. Half a call's deadline is enough; the URL may say otherwise.
VANISHED: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}


def database_settings(url: str, *, pool: bool = True) -> dict[str, Any]:
    """Return Django's DATABASES entry for ``postgresql://user:password@host:port/name?host=/dir``."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(
            f"A database URL starts with postgresql://, not {parts.scheme or 'nothing'}."
        )
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = query.pop("host", None) or parts.hostname or ""
    options: dict[str, Any] = {**VANISHED, **query}
    if pool:
        options["pool"] = dict(POOL)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or query.get("port", "")),
        "OPTIONS": options,
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


def database_conninfo(url: str) -> str:
    """Return libpq's words for the same, for a connection that is not Django's."""
    given = conninfo_to_dict(url)
    return make_conninfo(
        url, **{name: value for name, value in VANISHED.items() if name not in given}
    )
