"""Best and worst rows of each evaluation while a model trains, in every task."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import MetricMessage
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.link import LocalLink
from mlworker.engine.tasks import task_named
from mlworker.engine.training.run import Run
from mlworker.engine.training.samples import samples_of
from tests.unit.engine import conftest as text
from tests.unit.tasks.runs import NEW_TASKS, rows_of, write_run


def _samples(folder: Path, base: BaseDirectory, task: str) -> list[Any]:
    values = {"epochs": 2, "patience": 0}
    spec = (
        text.write_run(folder, base, "lora", config=values)
        if task == "text_classification"
        else write_run(folder, base, task, "lora", **values)
    )
    link = LocalLink()
    Run(folder, spec, link).execute()
    told = [each for each in link.messages if isinstance(each, MetricMessage)]
    assert [each.samples is None for each in told] == [each.validation is None for each in told]
    return [each.samples for each in told if each.samples is not None]


@pytest.mark.parametrize("task", ["text_classification", *NEW_TASKS])
def test_every_evaluation_names_rows_from_either_end(
    task: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    found = _samples(tmp_path, tiny, task)
    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    rows = {row["row_id"]: row for row in map(json.loads, lines)}
    assert len(found) >= 2
    for each in found:
        worst, best = ([sample["loss"] for sample in each[end]] for end in ("worst", "best"))
        assert worst == sorted(worst, reverse=True)
        assert best == sorted(best)
        assert min(worst) >= max(best)
        named = [sample["row"] for end in ("worst", "best") for sample in each[end]]
        assert len(named) == len(set(named) & set(rows)) == 6
        assert len(json.dumps(each)) < 2_000
    words = {"label", "predicted"} if task != "token_classification" else set()
    assert set(found[-1]["worst"][0]) == {"row", "loss"} | words


def test_the_losses_are_those_of_the_rows(tiny: BaseDirectory, tmp_path: Path) -> None:
    (last, *_) = reversed(_samples(tmp_path, tiny, "text_classification"))
    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    rows = {row["row_id"]: row for row in map(json.loads, lines)}
    for sample in [*last["worst"], *last["best"]]:
        assert sample["label"] == rows[sample["row"]]["label"]
        # With two labels, who answers wrongly gave the right one less than half.
        assert (sample["predicted"] != sample["label"]) == (sample["loss"] > 0.6932)


def test_an_answer_about_tokens_is_weighed_by_its_words() -> None:
    task = task_named("token_classification")
    labels = task.head_labels(("x",))
    logits = torch.zeros(5, len(labels))
    logits[2:, 0] = 9.0
    split = EncodedSplit(((1, 2), (3, 4, 5)), ((0, -100), (0, 0, 0)))
    found = samples_of(task, logits, split, labels, rows_of("token_classification", 2))
    assert [found[end][0]["row"] for end in ("worst", "best")] == ["0", "1"]
