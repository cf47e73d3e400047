"""`manage.py simulate_year`: on a private installation of its own, never on the one that runs.

Only the servers start, since time is virtual: no worker may do anything in between.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from anneal.local.benchmarks import GIVEN
from anneal.local.console import Stop, step
from anneal.local.environment import running_env
from anneal.local.installation import Interrupted, installation_held
from anneal.local.paths import home_open


def run(arguments: list[str]) -> int:
    """Start private servers, simulate, remove them."""
    for name in GIVEN:
        os.environ.pop(name, None)
    folder = Path(tempfile.mkdtemp(prefix="anneal-simulation-"))
    folder.chmod(0o711)  # as root the servers run as `nobody`, who must be able to pass
    os.environ |= {"ANNEAL_HOME": str(folder), "ANNEAL_TEMPORARY": "1"}
    home = home_open(folder)
    try:
        with installation_held(home, "simulate_year") as installation:
            installation.servers_start()
            with step("Bringing the database up to date"):
                status, lines = installation.manage(
                    "migrate", "--no-input", "--skip-checks", owner=True
                )
                if status:
                    raise Stop("The migration failed.", lines=lines)
            installation.state = "ready"
            installation.record()
            command = [sys.executable, "-m", "django", "simulate_year", *arguments]
            return installation.attend(command, running_env(home, url=None))
    except Interrupted as interrupted:
        return 128 + int(interrupted.number)
    finally:
        shutil.rmtree(home.sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
