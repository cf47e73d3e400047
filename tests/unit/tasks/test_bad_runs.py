"""What only training can find out, in every task: it ends with a code, and leaves no model."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run
from tests.unit.engine import conftest as text
from tests.unit.tasks.conftest import TIERS
from tests.unit.tasks.runs import NEW_TASKS, rows_of, write_run

WILD = {
    "optimizer": "sgd",
    "learning_rate": 1.0,
    "momentum": 0.99,
    "max_grad_norm": 100.0,
    "warmup_fraction": 0.0,
    "scheduler": "constant",
    "epochs": 20,
    "patience": 0,
}
"""Within all bounds, and far too much together."""


@pytest.mark.parametrize("tier", ["lora", "full"])
@pytest.mark.parametrize("task", ["text_classification", *NEW_TASKS])
def test_a_rate_that_is_allowed_and_far_too_large_ends_as_diverged(
    task: str, tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = (
        text.write_run(tmp_path, tiny, tier, config=WILD)
        if task == "text_classification"
        else write_run(tmp_path, tiny, task, tier, **WILD)
    )
    with pytest.raises(
        EngineError, match=r"diverged at step \d+ .* smaller learning_rate"
    ) as found:
        Run(tmp_path, spec, LocalLink()).execute()
    assert found.value.code == "diverged"
    assert not (tmp_path / "artifact").exists()


def _rewrite(folder: Path, split: str, rows: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{split}.jsonl").write_text(lines)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("task", NEW_TASKS)
def test_a_text_of_a_hundred_thousand_words_is_cut_and_charged_as_cut(
    task: str, tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    values = {"max_length": 64} | ({} if tier == "head" else {"epochs": 1})
    spec = write_run(tmp_path, tiny, task, tier, **values)
    rows = rows_of(task, 40)
    rows[0]["text"] += " boring" * 100_000
    _rewrite(tmp_path, "train", rows)
    done = Run(tmp_path, spec, LocalLink()).execute()
    assert 64 < done.trained_tokens == done.trained_tokens_planned < 40 * 64


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_numbers_of_any_size_give_figures_that_are_numbers(
    size: float, tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    values = {} if tier == "head" else {"epochs": 2}
    spec = write_run(tmp_path, tiny, "regression", tier, **values)
    for split, count in (("train", 80), ("validation", 20), ("test", 20)):
        rows = rows_of("regression", count, count)
        for row in rows:
            row["label"] = repr(size * (float(row["label"]) - 1_000) / 400)
        _rewrite(tmp_path, split, rows)
    done = Run(tmp_path, spec, LocalLink()).execute()
    assert json.dumps(done.metrics, allow_nan=False)
    assert done.evaluation is not None
    report = json.loads((tmp_path / done.evaluation / "report.json").read_text())
    assert json.dumps(report, allow_nan=False)
    figures = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert 0 < figures["mae"] < 10 * size


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("task", "label"),
    [
        ("multi_label_classification", "[]"),
        ("regression", "5.0"),
        ("token_classification", "[]"),
    ],
)
def test_rows_to_judge_by_that_are_all_alike_give_figures_that_are_numbers(
    task: str, label: str, tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = write_run(tmp_path, tiny, task, tier, **({} if tier == "head" else {"epochs": 1}))
    for split in ("validation", "test"):
        _rewrite(tmp_path, split, [{**row, "label": label} for row in rows_of(task, 12)])
    done = Run(tmp_path, spec, LocalLink()).execute()
    assert json.dumps(done.metrics, allow_nan=False)
    assert done.evaluation is not None
    report = json.loads((tmp_path / done.evaluation / "report.json").read_text())
    assert json.dumps(report, allow_nan=False)
