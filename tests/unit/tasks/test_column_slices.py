"""A run of every task is sliced by the further columns of its test rows, and learns nothing of
them."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlworker.engine.artifact_manifest import pack
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run
from tests.unit.engine import conftest as classes
from tests.unit.tasks.runs import NEW_TASKS, write_run

FIGURES = {
    "text_classification": "accuracy",
    "multi_label_classification": "micro_f1",
    "token_classification": "f1",
    "regression": "mae",
}


def told(folder: Path, base: BaseDirectory, task: str, *, meta: bool) -> tuple[Any, bytes]:
    """Train in tier head; the report and the packed artifact."""
    if task in NEW_TASKS:
        spec = write_run(folder, base, task, "head")
    else:
        spec = classes.write_run(folder, base, "head")
    path = folder / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["row_id"] = str(number + 2)
        row.update({"meta": {"source": ("web", "shop")[number % 2]}} if meta else {})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = Run(folder, spec, LocalLink()).execute()
    assert done.evaluation is not None
    report = json.loads((folder / done.evaluation / "report.json").read_text())
    return report, pack(folder / done.artifact)


@pytest.mark.parametrize("task", sorted(FIGURES))
def test_the_test_rows_are_sliced_and_the_weights_stay_the_same(
    task: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    plain, before = told(tmp_path / "plain", tiny, task, meta=False)
    report, after = told(tmp_path / "wide", tiny, task, meta=True)
    assert "column_slices" not in plain
    assert before == after
    found = report["column_slices"]
    assert (found["figure"], found["higher_is_better"]) == (FIGURES[task], task != "regression")
    (column,) = found["columns"]
    shop, web = column["slices"]
    assert (column["column"], web["row"], shop["row"]) == ("source", 2, 3)
    assert web["rows"] + shop["rows"] == report["rows"]
    assert web["rest"] == pytest.approx(shop["figure"]["value"])
    figures = {figure["name"]: figure["value"] for figure in report["figures"]}
    low, high = sorted([web["figure"]["value"], shop["figure"]["value"]])
    assert low - 1e-9 <= figures[FIGURES[task]] <= high + 1e-9
    assert {line["verdict"] for line in (web, shop)} <= {"worse", "not_separable"}
