"""Counts of tests, read from the report file that pytest writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Counts:
    """How many passed, failed (errors included) and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        words = [f"{self.passed} passed"] if self.passed else []
        words += [f"{self.failed} failed"] if self.failed else []
        words += [f"{self.skipped} skipped"] if self.skipped else []
        return ", ".join(words) or "nothing to run"


def counts_read(report: Path, *, failed_run: bool) -> Counts:
    """Sum a junit file; a run that failed without a failed test in it counts as one failure."""
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return Counts(failed=int(failed_run))
    tests, bad, skipped = 0, 0, 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        bad += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    if failed_run and not bad:
        return Counts(passed=max(tests - skipped, 0), failed=1, skipped=skipped)
    # A test can fail and then fail again in its teardown: it is one test.
    return Counts(passed=max(tests - bad - skipped, 0), failed=bad, skipped=skipped)
