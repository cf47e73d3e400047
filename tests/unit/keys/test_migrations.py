"""The look-up of keys goes back with its columns, so that an earlier release finds its own."""

import os
import subprocess
import sys

import psycopg

from tests.unit.conftest import ROOT, DatabaseClone, database_cloned


def migrate(clone: DatabaseClone, target: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "keys", target, "-v0", "--skip-checks"],
        check=True,
        cwd=ROOT,
        env=os.environ | {"DATABASE_OWNER_URL": clone.owner_url},
    )


def columns(clone: DatabaseClone) -> int:
    """How many columns the look-up answers, to the application."""
    with psycopg.connect(clone.app_url) as link:
        found = link.execute("SELECT * FROM key_lookup('x')")
        assert found.fetchall() == []
        return len(found.description or ())


def test_limits_and_sessions_of_keys_can_be_taken_back_and_put_on_again() -> None:
    with database_cloned() as clone:
        told = [columns(clone)]
        for target in ("0002", "0001", "0003"):
            migrate(clone, target)
            told.append(columns(clone))

    assert told == [11, 11, 9, 11]
