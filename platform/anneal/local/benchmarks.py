"""`manage.py bench [NAME] [--json]`: measures on a private installation of its own.

The cases live in `benchmarks/`; each gets the installation's address in `ANNEAL_URL` and its
databases in the usual variables, owner included. `--bare` starts no installation, for cases that
measure the engine alone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from anneal.local import postgres
from anneal.local.console import Stop
from anneal.local.environment import OWNER_ONLY, owner_env
from anneal.local.installation import Interrupted, installation_held
from anneal.local.paths import home_open
from anneal.local.preamble import ROOT
from anneal.local.up import everything_start

CASES = ROOT / "benchmarks" / "__main__.py"
GIVEN = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "ANNEAL_SITE_URL", "ANNEAL_URL", *OWNER_ONLY)


def run(arguments: list[str]) -> int:
    """Start a private installation, run the cases, remove it."""
    if not CASES.exists():
        raise Stop("There are no benchmarks in this tree: benchmarks/__main__.py is missing.")
    for name in GIVEN:
        os.environ.pop(name, None)
    postgres.SETTINGS["max_connections"] = "300"  # 200 sessions at once want the last units
    folder = Path(tempfile.mkdtemp(prefix="anneal-bench-"))
    folder.chmod(0o711)  # as root the servers run as `nobody`, who must be able to pass
    os.environ["ANNEAL_HOME"] = str(folder)
    home = home_open(folder)
    try:
        with installation_held(home, "bench") as installation:
            if "--bare" not in arguments:
                everything_start(installation, host="127.0.0.1", port=0, demo=False)
            env = owner_env(home, url=installation.url) | {"ANNEAL_URL": installation.url or ""}
            rest = [each for each in arguments if each != "--bare"]
            command = [sys.executable, "-m", "benchmarks", *rest]
            return installation.attend(command, env)
    except Interrupted as interrupted:
        return 128 + int(interrupted.number)
    finally:
        shutil.rmtree(home.sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
