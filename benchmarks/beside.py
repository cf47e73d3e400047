"""A second database on the same server, so that two sizes of it are measured by turns.

What a busy machine adds, it adds to both.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import psycopg
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import sql


@dataclass(frozen=True, slots=True)
class Database:
    """One of the two: our own code runs on it inside ``used``."""

    wrapper: DatabaseWrapper
    owner_url: str

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let `connection` be this one's."""
        other = connections["default"]
        connections["default"] = self.wrapper
        try:
            yield
        finally:
            connections["default"] = other

    def tidy(self) -> None:
        """Vacuum, and forget plans that were made for the tables as they were."""
        with psycopg.connect(self.owner_url, autocommit=True) as owner:
            owner.execute("VACUUM (ANALYZE)")
        self.wrapper.close()


@contextmanager
def databases(name: str) -> Iterator[tuple[Database, Database]]:
    """Yield the installation's database and a new, empty one, which is dropped in the end."""
    main = Database(
        cast("DatabaseWrapper", connections["default"]), os.environ["DATABASE_OWNER_URL"]
    )
    url = urlsplit(main.owner_url)._replace(path=f"/{name}").geturl()
    quoted = sql.Identifier(name)
    with psycopg.connect(main.owner_url, autocommit=True) as owner:
        owner.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(quoted)
        )
        owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO anneal_app").format(quoted))
        # Another alias has a pool of its own.
        settings = {**main.wrapper.settings_dict, "NAME": name}
        beside = Database(DatabaseWrapper(settings, alias=name), url)
        try:
            subprocess.run(
                [sys.executable, "-m", "django", "migrate", "--verbosity=0", "--skip-checks"],
                check=True,
                env={**os.environ, "DATABASE_OWNER_URL": url},
            )
            yield main, beside
        finally:
            beside.wrapper.close()
            beside.wrapper.close_pool()
            owner.execute(sql.SQL("DROP DATABASE {}").format(quoted))
