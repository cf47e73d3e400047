"""Counting what ran, and knowing when the page must be built again."""

import os
from pathlib import Path

import pytest

from anneal.local.counts import Counts, counts_read
from anneal.local.frontend import inputs_key

ROOT = Path(__file__).resolve().parents[3]
REPORT = '<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>'


def test_a_report_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)

    assert counts_read(report, failed_run=True) == Counts(passed=2, failed=2, skipped=1)


@pytest.mark.parametrize(
    "content", [None, "<testsuites", '<testsuites><testsuite tests="3"/></testsuites>']
)
def test_a_run_that_broke_is_a_failure_whatever_its_report_says(
    tmp_path: Path, content: str | None
) -> None:
    report = tmp_path / "report.xml"
    if content:
        report.write_text(content)

    assert counts_read(report, failed_run=True).failed == 1


def test_nothing_run_is_neither_passed_nor_failed(tmp_path: Path) -> None:
    counts = counts_read(tmp_path / "none.xml", failed_run=False)

    assert counts == Counts()
    assert str(counts) == "nothing to run"


def test_the_page_is_built_when_a_source_changes_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.tsx").write_text("one")
    before = inputs_key(tmp_path)

    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "main.js").write_text("built")
    (tmp_path / "node_modules").mkdir()
    assert inputs_key(tmp_path) == before

    (tmp_path / "src" / "main.tsx").write_text("two")
    assert inputs_key(tmp_path) != before


def test_the_ci_runs_what_a_person_runs() -> None:
    script = ROOT / ".ci" / "run"

    assert script.read_text().splitlines() == ["#!/bin/bash", "python3 manage.py test"]
    assert os.access(script, os.X_OK)
