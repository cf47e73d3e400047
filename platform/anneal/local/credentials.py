"""The passwords and the key of an installation: made once, in one file only its owner reads."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field

from anneal.local.paths import Home


def _fresh() -> str:
    return secrets.token_hex(24)


@dataclass(frozen=True)
class Secrets:
    """Hex, so that they need no quoting in a URL or in SQL."""

    superuser: str = field(default_factory=_fresh, repr=False)
    owner: str = field(default_factory=_fresh, repr=False)
    app: str = field(default_factory=_fresh, repr=False)
    backup: str = field(default_factory=_fresh, repr=False)
    key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    """Django's SECRET_KEY."""


def secrets_load(home: Home) -> Secrets:
    """Read the installation's secrets; the first call makes them (mode 0600)."""
    path = home.path / "secrets.json"
    try:
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        made = Secrets()
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(asdict(made), out)
    fresh.replace(path)
    return made
