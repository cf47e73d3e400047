"""The environment variables that an installation's processes get, and where each comes from."""

from __future__ import annotations

import os
from dataclasses import dataclass

from anneal.local import postgres, redis
from anneal.local.console import Stop
from anneal.local.credentials import Secrets, secrets_load
from anneal.local.paths import Home
from anneal.local.preamble import ROOT

OWNER_ONLY = ("DATABASE_OWNER_URL", "DATABASE_BACKUP_URL")
"""Given to commands that migrate, back up or test; no running process has them."""


@dataclass(frozen=True)
class Sources:
    """What is embedded; the rest was set by the person who runs us."""

    postgres: bool
    redis: bool
    storage: bool

    def names(self) -> list[str]:
        """The embedded ones, for `run.json`."""
        pairs = (("postgres", self.postgres), ("redis", self.redis), ("storage", self.storage))
        return [name for name, embedded in pairs if embedded]


def sources() -> Sources:
    """Read which URLs the person has set; raises Stop when half of a pair is missing."""
    given = {name for name in os.environ if os.environ[name]}
    if "DATABASE_OWNER_URL" in given and "DATABASE_URL" not in given:
        raise Stop("DATABASE_OWNER_URL is set and DATABASE_URL is not. Set both or neither.")
    return Sources(
        postgres="DATABASE_URL" not in given,
        redis="REDIS_URL" not in given,
        storage="STORAGE_URL" not in given,
    )


def running_env(home: Home, *, url: str | None = None) -> dict[str, str]:
    """What a running process gets: never the owner's URL."""
    secrets, embedded = secrets_load(home), sources()
    ours = {
        "DATABASE_URL": postgres.url(home, secrets, "app") if embedded.postgres else None,
        "REDIS_URL": redis.url(home) if embedded.redis else None,
        "STORAGE_URL": home.storage.as_uri() if embedded.storage else None,
    }
    env = {name: value for name, value in os.environ.items() if name not in OWNER_ONLY}
    env |= {name: value for name, value in ours.items() if value is not None}
    env.setdefault("SECRET_KEY", secrets.key)
    env |= {
        "ANNEAL_HOME": str(home.path),
        "DJANGO_SETTINGS_MODULE": "anneal.settings",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
        "PYTHONUNBUFFERED": "1",
    }
    if url:
        env.setdefault("ANNEAL_SITE_URL", url)
    return env


def owner_env(home: Home, *, url: str | None = None) -> dict[str, str]:
    """What a command that owns the database gets: everything."""
    secrets = secrets_load(home)
    return running_env(home, url=url) | _owner_urls(home, secrets)


def _owner_urls(home: Home, secrets: Secrets) -> dict[str, str]:
    if sources().postgres:
        return {
            "DATABASE_OWNER_URL": postgres.url(home, secrets, "owner"),
            "DATABASE_BACKUP_URL": postgres.url(home, secrets, "backup"),
        }
    return {name: os.environ[name] for name in OWNER_ONLY if os.environ.get(name)}


def given_names(env: dict[str, str]) -> list[str]:
    """The names that we set or pass on for Anneal's sake, for `run.json`."""
    ours = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")
    return sorted(name for name in env if name.startswith("ANNEAL_") or name in ours)
