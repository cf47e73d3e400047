"""The app refuses to run as a login that row level security would not bind."""

import os
import subprocess
import sys

from tests.unit.conftest import DatabaseClone

QUERY = "import django; django.setup(); from django.db import connection; connection.cursor()"


def _run(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"DATABASE_URL": url, "DATABASE_OWNER_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_owner_may_not_run_the_app(database_clone: DatabaseClone) -> None:
    refused = _run(database_clone.owner_url, "-c", QUERY)
    assert refused.returncode != 0
    assert "run as anneal_app" in refused.stderr
    assert _run(database_clone.app_url, "-c", QUERY).returncode == 0


def test_the_system_check_names_the_fix(database_clone: DatabaseClone) -> None:
    check = ("-m", "django", "check", "--database", "default")
    refused = _run(database_clone.owner_url, *check)
    assert refused.returncode != 0
    assert "anneal_app" in refused.stderr
    assert _run(database_clone.app_url, *check).returncode == 0
