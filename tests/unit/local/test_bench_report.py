"""The report that the benchmarks keep."""

from datetime import date
from pathlib import Path

import pytest

from benchmarks.figures import figure
from benchmarks.report import machine_here, report_write

PAGE = "# Benchmarks\n\n| case | what |\n|---|---|\n| `tail` | by hand |\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    made = tmp_path / "benchmarks.md"
    made.write_text(PAGE)
    return made


def test_a_run_renews_its_own_figures_and_leaves_the_rest_of_the_page(page: Path) -> None:
    tail, batch = (figure(bar, 1.5, 4, "less", n=3) for bar in ("tail", "batch_rows"))
    report_write(page, [tail, batch], day=date(2026, 1, 1), machine="2 cores")

    again = figure("tail", 4.5, 4, "less", text="a | b")
    report_write(page, [again], day=date(2026, 1, 2), machine="2 cores")

    told = page.read_text()
    assert told.startswith(PAGE)
    rows = [line for line in told.removeprefix(PAGE).splitlines() if line.startswith("| `")]
    assert rows == [
        '| `batch_rows` | 1.5 | 4 | met | 2026-01-01, 2 cores | {"n": 3} |',
        '| `tail` | 4.5 | 4 | **missed** | 2026-01-02, 2 cores | {"text": "a / b"} |',
    ]
    assert told.count("## As the command wrote it") == 1


def test_the_machine_is_named() -> None:
    assert "cores of" in machine_here()
