"""The table of figures at the end of `docs/benchmarks.md`, which `--report` keeps."""

import json
import os
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure

REPORT: Final = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- kept by `manage.py bench --report` -->"
_HEAD: Final = f"""
## As the command wrote it

{BEGIN}

| figure | value | target | | when, where | made of |
|---|---|---|---|---|---|
"""
_ROW: Final = re.compile(r"^\| `(?P<bar>[^`]+)` \|")
_DETAIL_LENGTH: Final = 400


def report_write(path: Path, figures: Iterable[Figure], *, day: date, machine: str) -> None:
    """Add or renew the figures' lines; those of other runs, and the rest of the page, stay."""
    page, _, table = path.read_text(encoding="utf-8").partition(_HEAD)
    rows = {row["bar"]: line for line in table.splitlines() if (row := _ROW.match(line))}
    for each in figures:
        rows[each["bar"]] = _row(each, f"{day.isoformat()}, {machine}")
    lines = [rows[bar] for bar in sorted(rows)]
    path.write_text(f"{page.rstrip()}\n{_HEAD}" + "\n".join(lines) + "\n", encoding="utf-8")


def machine_here() -> str:
    """Return what was measured on, in words."""
    said = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*:\s*(.+)$", said, re.MULTILINE)
    return f"{len(os.sched_getaffinity(0))} cores of {model[1] if model else 'a processor'}"


def _row(figure: Figure, where: str) -> str:
    detail = json.dumps(figure["detail"])
    if len(detail) > _DETAIL_LENGTH:
        detail = f"{detail[:_DETAIL_LENGTH]} ..."
    met = "met" if figure["ok"] else "**missed**"
    cells = [f"`{figure['bar']}`", figure["value"], figure["target"], met, where, detail]
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"
