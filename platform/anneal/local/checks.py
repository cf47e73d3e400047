"""`manage.py test`: every check there is, in one run, each with its duration.

The unit tests get a Postgres and a Redis of their own in a temporary home; live and browser tests
start whole installations. Nothing touches the home of the person who runs this.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anneal.local.check_list import GIVEN, Check, checks_of_paths, lanes_all
from anneal.local.console import Stop, duration, say
from anneal.local.counts import Counts, counts_read
from anneal.local.environment import owner_env
from anneal.local.frontend import check_packages_install, frontend_build
from anneal.local.installation import Installation, Interrupted, installation_held
from anneal.local.lanes import lanes_run
from anneal.local.paths import Home, home_open
from anneal.local.preamble import ROOT

NO_TESTS = 5  # pytest's status when a selection matches nothing


@dataclass(frozen=True)
class Outcome:
    """How one check went."""

    name: str
    seconds: float
    counts: Counts

    @property
    def mark(self) -> str:
        """`ok`, `!!` for a failure, `--` when there was nothing to run."""
        if self.counts.failed:
            return "!!"
        return "ok" if self.counts.passed else "--"


def run(arguments: list[str]) -> int:
    """Run the checks; 0 when all passed."""
    options = _options(arguments)
    with _private_home() as home:
        try:
            with installation_held(home, "test") as installation:
                say("Setting up the checks")
                if _chosen(options):  # else that is one of the checks, beside the others
                    frontend_build(home)
                    check_packages_install(home)
                installation.servers_start()
                installation.state = "ready"
                installation.record()
                started = time.monotonic()
                outcomes = _run_all(options, installation)
                return _report(outcomes, time.monotonic() - started)
        except Interrupted as interrupted:
            return 128 + int(interrupted.number)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py test", description=__doc__)
    parser.add_argument("paths", nargs="*", help="test files or folders; without them, everything")
    parser.add_argument("-k", dest="keyword", help="only tests whose name matches")
    parser.add_argument("--slow", action="store_true", help="the full forms too")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first failed check")
    options = parser.parse_args(arguments)
    for path in options.paths:
        if not (ROOT / path.split("::")[0]).exists():
            raise Stop(f"There is no {path}. Name files or folders under tests/.")
    return options


@contextmanager
def _private_home() -> Iterator[Home]:
    """A home for this run alone; what the person's environment points at is not used."""
    folder = Path(tempfile.mkdtemp(prefix="anneal-test-"))
    folder.chmod(0o711)  # as root the servers run as `nobody`, who must be able to pass
    for name in GIVEN:
        os.environ.pop(name, None)
    # Some tests look at the machine with its own tools, which a bare PATH does not name.
    paths = os.pathsep.join(filter(None, (os.environ.get("PATH"), os.defpath)))
    os.environ |= {"ANNEAL_HOME": str(folder), "ANNEAL_TEMPORARY": "1", "PATH": paths}
    home = home_open(folder)
    try:
        yield home
    finally:
        shutil.rmtree(home.sockets, ignore_errors=True)
        shutil.rmtree(home.servers, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _chosen(options: argparse.Namespace) -> bool:
    """Tell whether only some tests were asked for."""
    return bool(options.paths or options.keyword)


def _run_all(options: argparse.Namespace, installation: Installation) -> list[Outcome]:
    _say_data()
    home, fail_fast = installation.home, bool(options.fail_fast)
    if not _chosen(options):
        lanes, afterwards = lanes_all(options, home)
        say("  -- What a check says is shown when it has ended")
        env = partial(_env, home)
        ended = lanes_run(lanes, installation, env=env, afterwards=afterwards, fail_fast=fail_fast)
        return [_outcome(*each) for each in ended]
    outcomes: list[Outcome] = []
    for check in checks_of_paths(options, home):
        if fail_fast and any(each.counts.failed for each in outcomes):
            say("Stopped at the first failure (--fail-fast).")
            break
        outcomes.append(_run_one(check, installation))
    return outcomes


def _say_data() -> None:
    data = Path(os.environ.get("ANNEAL_DATA") or ROOT.parent / "shared" / "data")
    found = f"real data from {data}" if data.is_dir() else "no real data: small made data only"
    say(f"  -- Tests use {found}")


def _run_one(check: Check, installation: Installation) -> Outcome:
    say(f"\n== {check.name}")
    started = time.monotonic()
    status = installation.attend(check.command, _env(installation.home, check), check.cwd)
    return _outcome(check, status, time.monotonic() - started)


def _outcome(check: Check, status: int, seconds: float) -> Outcome:
    if check.report:
        counts = counts_read(check.report, failed_run=status not in {0, NO_TESTS})
    else:
        counts = Counts(passed=int(status == 0), failed=int(status != 0))
    return Outcome(check.name, seconds, counts)


def _env(home: Home, check: Check) -> dict[str, str]:
    env = owner_env(home) | dict(check.env)
    return {name: value for name, value in env.items() if name not in check.dropped}


def _report(outcomes: list[Outcome], seconds: float) -> int:
    """The closing table and line; they go to standard output, where a CI looks for them."""
    total = Counts()
    print("\nCheck                 Result                                Time")
    for outcome in outcomes:
        total += outcome.counts
        result = f"{outcome.mark} {outcome.counts}"
        print(f"{outcome.name:<21} {result:<32} {duration(outcome.seconds):>12}")
    print(f"{'all':<21} {'':<32} {duration(seconds):>12}\n")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}", flush=True)
    return 0 if total.failed == 0 and total.passed else 1
