"""`manage.py lock`: resolves `requirements/*.in` into the locks, for every Python we support.

The locks name no index, so each machine's own is used; torch and what only torch needs is left out
(`requirements/excluded.txt`), because `torch.txt` lets each machine take the build that fits it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from anneal.local.console import Stop, step
from anneal.local.preamble import ROOT

FOLDER = ROOT / "requirements"
NEVER = "sys_platform == 'never'"
OLDEST_PYTHON = "3.11"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def run(arguments: list[str]) -> int:
    """Write all locks anew; `--upgrade` takes the newest versions that fit."""
    parser = argparse.ArgumentParser(prog="manage.py lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take newer versions where they fit")
    options = parser.parse_args(arguments)
    with step("Resolving requirements/base.in"):
        lock_write("base", upgrade=options.upgrade)
    with step("Resolving requirements/dev.in"):
        lock_write("dev", "--constraint", "requirements/base.lock", upgrade=options.upgrade)
    with step("Resolving requirements/bench.in"):
        lock_write("bench", "--constraint", "requirements/base.lock", upgrade=options.upgrade)
    return 0


def lock_write(name: str, *extra: str, upgrade: bool) -> None:
    """Resolve one `.in` file; the present lock's versions are kept unless `upgrade`."""
    target = FOLDER / f"{name}.lock"
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "fresh.lock"
        if target.exists() and not upgrade:
            fresh.write_bytes(target.read_bytes())
        command = [sys.executable, "-m", "uv", "pip", "compile", f"requirements/{name}.in"]
        command += ["--universal", "--generate-hashes", "--no-header", "--quiet"]
        command += ["--python-version", OLDEST_PYTHON, "--override", "requirements/excluded.txt"]
        command += ["--output-file", str(fresh), *extra]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Stop(f"{name}.in could not be resolved.", lines=done.stderr.splitlines()[-12:])
        content = "".join(blocks_kept(fresh.read_text(encoding="utf-8")))
    target.write_text(content, encoding="utf-8")


def blocks_kept(lock: str) -> Iterator[str]:
    """The lock's entries (one text each) without those that no machine installs, and no index."""
    for block in blocks(lock):
        head = block.splitlines()[0]
        if NEVER not in head and not head.startswith("--"):
            yield block


def blocks(lock: str) -> list[str]:
    """Split a lock into its entries: a requirement line and the indented lines below it."""
    found: list[str] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith((" ", "\t")) and found:
            found[-1] += line
        elif line.strip() and not line.startswith("#"):
            found.append(line)
    return found


def locked_names(lock: str) -> set[str]:
    """The normalised project names that a lock pins."""
    names = (_NAME.match(block) for block in blocks(lock))
    return {normalised(match.group()) for match in names if match}


def requirement_names(text: str) -> set[str]:
    """The normalised project names that an `.in` file asks for."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return {normalised(match.group()) for match in map(_NAME.match, lines) if match}


def normalised(name: str) -> str:
    """The one spelling of a project's name."""
    return re.sub(r"[-_.]+", "-", name).lower()
