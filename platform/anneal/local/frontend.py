"""Builds the web page when its sources changed; a stamp over the inputs says whether they did.

Run as `python -m anneal.local.frontend` it makes all that the checks of the page need.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from anneal.local.console import Stop, say, step
from anneal.local.node import node_env, npm_command
from anneal.local.paths import Home, home_open
from anneal.local.preamble import ROOT
from anneal.local.processes import Spec, log_tail, run_logged

FRONTEND = ROOT / "frontend"
BUILT = FRONTEND / "dist"
STAMP = ".anneal-stamp"
MADE = frozenset({"routeTree.gen.ts", "tsconfig.tsbuildinfo"})
"""Written by the build among the sources."""
NOT_INPUTS = frozenset({"node_modules", "dist", "coverage", "test-results", ".vite"})


def frontend_build(home: Home) -> None:
    """Install the packages and build the page, each only when its inputs changed."""
    if not (FRONTEND / "package.json").exists():
        say("  -- No web page in this tree: frontend/package.json is missing")
        return
    key = inputs_key(FRONTEND)
    if stamp_read(BUILT) == key:
        return
    packages_install(home, FRONTEND)
    with step("Building the web page"):
        _npm(home, FRONTEND, "run", "build")
        if not BUILT.is_dir():
            raise Stop(f"The build left no {BUILT.relative_to(ROOT)}; see {home.log}/npm.log.")
        (BUILT / STAMP).write_text(key, encoding="ascii")


def check_packages_install(home: Home) -> None:
    """Install what the checks of the page and the tests in a browser need besides."""
    for folder in (FRONTEND, ROOT / "tests" / "browser"):
        if (folder / "package-lock.json").exists():
            packages_install(home, folder)


def packages_install(home: Home, folder: Path) -> None:
    """`npm ci` in a folder, unless its lock is the one installed."""
    lock = folder / "package-lock.json"
    key = hashlib.sha256(lock.read_bytes()).hexdigest()
    modules = folder / "node_modules"
    if stamp_read(modules) == key:
        return
    with step(f"Installing the packages of {folder.relative_to(ROOT)}"):
        _npm(home, folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        (modules / STAMP).write_text(key, encoding="ascii")


def inputs_key(folder: Path) -> str:
    """Hash of the names and contents of all source files of the page."""
    digest = hashlib.sha256()
    for path in sorted(_sources(folder)):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> list[Path]:
    found = []
    for path in folder.iterdir():
        if path.name in NOT_INPUTS:
            continue
        found += [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return [path for path in found if path.name not in MADE]


def stamp_read(folder: Path) -> str | None:
    """The stamp in a made folder; None when it is missing."""
    try:
        return (folder / STAMP).read_text(encoding="ascii")
    except OSError:
        return None


def _npm(home: Home, folder: Path, *arguments: str) -> None:
    log = home.log / "npm.log"
    log.unlink(missing_ok=True)
    spec = Spec("npm", npm_command(*arguments), env=node_env(), log=log, cwd=folder)
    if run_logged(spec) == 0:
        return
    lines = log_tail(log)
    if any("ENOSPC" in line for line in lines):
        raise Stop(f"The disk is full. Free 2 GB for {folder} and run the command again.")
    raise Stop(f"`npm {' '.join(arguments)}` failed in {folder}; its log is {log}.", lines=lines)


def main() -> int:
    """Make all that the checks need; a Stop is said in one sentence."""
    home = home_open()
    try:
        frontend_build(home)
        check_packages_install(home)
    except Stop as stop:
        for line in (*stop.lines, stop.sentence):
            say(line)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
