"""Which checks `manage.py test` makes, in which order: the quick ones first."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from anneal.local.frontend import FRONTEND
from anneal.local.node import node_env, npm_command
from anneal.local.paths import Home
from anneal.local.preamble import ROOT

SUITES = ("unit", "live", "browser")
NPM_SCRIPTS = ("lint", "typecheck", "test")
GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_BACKUP_URL", "REDIS_URL", "STORAGE_URL")
OPENAPI = FRONTEND / "openapi.json"
POLITE = "5"
"""A third of the weight of what is not polite: enough never to be starved."""


@dataclass(frozen=True)
class Check:
    """One command whose status says whether it passed."""

    name: str
    command: tuple[str, ...]
    cwd: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    report: Path | None = None
    """Where pytest writes its counts."""
    dropped: tuple[str, ...] = ()
    """Variables it does not get: what starts installations itself must not see our database."""


def lanes_all(options: argparse.Namespace, home: Home) -> tuple[list[list[Check]], list[Check]]:
    """All checks: lanes that can run beside each other, and what the lane that ends first goes on
    with. The quick ones begin.

    Live tests wait for processes and leases; types and unit tests are all calculation, and politely
    use the time between.
    """
    format_, lint, types, *others = _python_checks()
    unit, live, browser = suites_all(options, home)
    first = [format_, lint, *_npm_checks(), *others, *_api_checks(), live]
    if (os.cpu_count() or 1) > 1:
        return [first, [_polite(types), _polite(unit)]], [browser]
    return [[format_, lint, types, *first[2:], browser, unit]], []


def _polite(check: Check) -> Check:
    return replace(check, command=("nice", "-n", POLITE, *check.command))


def suites_all(options: argparse.Namespace, home: Home) -> list[Check]:
    """The three suites of tests."""
    return [_pytest(suite, [f"tests/{suite}"], options, home) for suite in SUITES]


def checks_of_paths(options: argparse.Namespace, home: Home) -> list[Check]:
    """Only tests: those of the given paths, else of all suites."""
    if not options.paths:
        return suites_all(options, home)
    found = []
    for suite in SUITES:
        paths = [path for path in options.paths if Path(path).parts[:2] == ("tests", suite)]
        found += [_pytest(suite, paths, options, home)] if paths else []
    return found


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _python_checks() -> list[Check]:
    django = (sys.executable, "-m", "django")
    return [
        Check("format", (_tool("ruff"), "format", "--check", ".")),
        Check("lint", (_tool("ruff"), "check", ".")),
        Check("types", (_tool("mypy"),)),
        Check("layers", (_tool("lint-imports"),)),
        Check("migrations", (*django, "makemigrations", "--check", "--dry-run")),
    ]


def _api_checks() -> list[Check]:
    """The committed OpenAPI file must be the one that the code makes."""
    if not OPENAPI.exists():
        return []
    command = (sys.executable, "-m", "anneal.local.openapi_drift")
    return [Check("API file", command)]


def _npm_checks() -> list[Check]:
    try:
        package = json.loads((FRONTEND / "package.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    build = Check("page: build", (sys.executable, "-m", "anneal.local.frontend"))
    return [build] + [
        Check(f"page: {script}", npm_command("run", script), cwd=FRONTEND, env=node_env())
        for script in NPM_SCRIPTS
        if script in package.get("scripts", {})
    ]


def _pytest(suite: str, paths: list[str], options: argparse.Namespace, home: Home) -> Check:
    report = home.path / f"report-{suite}.xml"
    command = [sys.executable, "-m", "pytest", *paths, f"--junitxml={report}", "-q"]
    command += ["-m", _marks(slow=options.slow)]
    if options.keyword:
        command += ["-k", options.keyword]
    if options.fail_fast:
        command += ["-x"]
    if not options.keyword and _several(paths) and (os.cpu_count() or 1) > 1:
        # A file stays in one process. Which files begin is said in tests/conftest.py.
        command += ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return Check(
        f"{suite} tests", tuple(command), report=report, dropped=GIVEN if suite != "unit" else ()
    )


def _several(paths: list[str]) -> bool:
    """Tell whether there is more than one file to share out."""
    return len(paths) > 1 or any((ROOT / path).is_dir() for path in paths)


def _marks(*, slow: bool) -> str:
    return "not gpu" if slow else "not slow and not gpu"
