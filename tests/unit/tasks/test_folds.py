"""Cross-validation of every task in every tier: what folds find, and what they leave."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import (
    CheckpointMessage,
    DoneMessage,
    EngineError,
    StopCommand,
    StudyMessage,
)
from mlworker.engine.link import LocalLink, StopRequested
from mlworker.engine.study.cost import stratified_folds
from mlworker.engine.study.files import FOLDER, PREDICTIONS, label_errors_read
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import IGNORED
from mlworker.engine.training.run import Run
from tests.unit.tasks.conftest import TIERS
from tests.unit.tasks.runs import NEW_TASKS, rows_of, write_run

CASES = [(task, tier) for task in NEW_TASKS for tier in TIERS]
FOLDS = 3
FEW = {"lora": {"epochs": 6}, "full": {"epochs": 6}, "head": {}}


@dataclass(frozen=True)
class Studied:
    """A study that has ended, and what its folds found."""

    folder: Path
    done: DoneMessage
    found: dict[str, Any]


def _study(folder: Path, base: BaseDirectory, task: str, tier: str) -> Studied:
    spec = replace(write_run(folder, base, task, tier, **FEW[tier]), folds=FOLDS)
    link = LocalLink()
    return Studied(folder, Run(folder, spec, link).execute(), _found(link))


@pytest.fixture(scope="module")
def studied(
    tiny: BaseDirectory, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Studied]:
    """The study of a task in a tier, made once."""

    @cache
    def of(task: str, tier: str) -> Studied:
        return _study(tmp_path_factory.mktemp(f"{task}-{tier}"), tiny, task, tier)

    return of


def _found(link: LocalLink) -> dict[str, Any]:
    told = [message for message in link.messages if isinstance(message, StudyMessage)]
    return json.loads(json.dumps(told[-1].found["cross_validation"]))  # type: ignore[no-any-return]


def _exact(table: pa.Table) -> float:
    pairs = zip(table["label"].to_pylist(), table["predicted"].to_pylist(), strict=True)
    return float(np.mean([label == predicted for label, predicted in pairs]))


def _off(table: pa.Table) -> float:
    sides = [
        np.array([float(one) for one in table[name].to_pylist()]) for name in ("label", "predicted")
    ]
    return float(np.abs(sides[0] - sides[1]).mean())


def _span_f1(table: pa.Table) -> float:
    sides = [
        {
            (row, *span)
            for row, text in enumerate(table[name].to_pylist())
            for span in map(tuple, json.loads(text))
        }
        for name in ("label", "predicted")
    ]
    return 2 * len(sides[0] & sides[1]) / (len(sides[0]) + len(sides[1]))


COUNTED = {
    "multi_label_classification": ("subset_accuracy", _exact),
    "regression": ("mae", _off),
    "token_classification": ("f1", _span_f1),
}


@pytest.mark.parametrize(("task", "tier"), CASES)
def test_every_row_is_judged_once_and_counted_with_its_fold(
    task: str, tier: str, studied: Callable[[str, str], Studied]
) -> None:
    study = studied(task, tier)
    done, found, predictions = study.done, study.found, study.folder / FOLDER / PREDICTIONS

    # then the figures are those of the rows that each fold leaves in the file
    table = pq.read_table(predictions)
    assert sorted(table["row_id"].to_pylist()) == list(range(160))
    name, counted = COUNTED[task]
    for fold in found["folds"]:
        mine = table.filter(pa.compute.equal(table["fold"], fold["fold"]))
        assert fold["rows"] == mine.num_rows
        assert fold["metrics"][name] == pytest.approx(counted(mine), rel=1e-4, abs=1e-6)
    values = [fold["metrics"][name] for fold in found["folds"]]
    assert found["mean"][name] == pytest.approx(np.mean(values))
    assert found["deviation"][name] == pytest.approx(np.std(values, ddof=1))
    assert list(found["mean"]) == [*task_named(task).headline, "loss"]

    # and what needs one label a row is not made up
    assert (found["label_errors"], found["calibration"]) == (None, None)
    with predictions.open("rb") as source:
        assert label_errors_read(source) is None

    # and it has trained what was quoted
    assert done.trained_tokens == done.trained_tokens_planned
    assert done.steps == done.steps_planned


def test_folds_know_what_the_words_tell(studied: Callable[[str, str], Studied]) -> None:
    """Rows of a fold are judged by a model that has learned, and not by chance."""
    for task, least in (("token_classification", 0.7), ("multi_label_classification", 0.7)):
        found = studied(task, "head").found
        assert found["mean"][task_named(task).primary_metric] >= least


class _Interrupting(LocalLink):
    """Asks the run to stop when it looks for the n-th time."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def poll(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise StopRequested(StopCommand("checkpoint"))


@pytest.mark.parametrize(("tier", "after"), [("head", 260), ("lora", 150)])
def test_folds_about_tokens_go_on_where_they_were(
    tier: str,
    after: int,
    studied: Callable[[str, str], Studied],
    tiny: BaseDirectory,
    tmp_path: Path,
) -> None:
    expected, broken = studied("token_classification", tier), tmp_path
    spec = write_run(broken, tiny, "token_classification", tier, **FEW[tier])
    spec = replace(spec, folds=FOLDS, checkpoint_seconds=0.0)
    stops = 0
    while True:
        link = _Interrupting(after * (1 + stops))
        try:
            done = Run(broken, spec, link).execute()
            break
        except StopRequested:
            stops += 1
            saved = [one for one in link.messages if isinstance(one, CheckpointMessage)]
            spec = replace(spec, resume=saved[-1].path if saved else spec.resume)
    assert stops >= 1
    assert done.metrics == expected.done.metrics
    found = (expected.found, _found(link))
    timeless = [[{**fold, "seconds": 0} for fold in each["folds"]] for each in found]
    assert timeless[0] == timeless[1]
    first, second = load_artifact(expected.folder / "artifact"), load_artifact(broken / "artifact")
    for name, tensor in first.tensors.items():
        torch.testing.assert_close(second.tensors[name], tensor, atol=1e-6, rtol=1e-5)


def test_rows_without_a_place_in_the_cache_are_read(
    studied: Callable[[str, str], Studied],
    tiny: BaseDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with data too large for the memory that states may take."""
    whole = studied("token_classification", "head").found
    monkeypatch.setattr("mlworker.engine.training.states.CACHE_BYTES", 60_000)
    part = _study(tmp_path, tiny, "token_classification", "head").found
    assert [fold["rows"] for fold in part["folds"]] == [fold["rows"] for fold in whole["folds"]]
    assert 0.5 < part["mean"]["f1"] < whole["mean"]["f1"]


def test_a_search_is_refused_where_rows_have_no_one_label(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = replace(write_run(tmp_path, tiny, "regression", "head"), trials=4)
    with pytest.raises(EngineError, match="has no search"):
        Run(tmp_path, spec, LocalLink()).execute()


def _spread(strata: list[int]) -> None:
    folds = stratified_folds(strata, FOLDS, seed=5)
    for stratum in set(strata):
        mine = [fold for fold, own in zip(folds, strata, strict=True) if own == stratum]
        counts = [mine.count(fold) for fold in range(FOLDS)]
        assert max(counts) - min(counts) <= 1


def test_folds_get_their_share_of_what_is_rare() -> None:
    sets = [(1, 0, 0)] * 20 + [(1, 1, 0)] * 4 + [(0, 0, 0)] * 6 + [(1, 0, 1)] * 3
    strata = task_named("multi_label_classification").strata(sets, ("a", "b", "c"))
    assert strata == [0] * 20 + [1] * 4 + [3] * 6 + [2] * 3
    _spread(strata)

    # O, B-x, I-x, B-y, I-y
    tags = [(IGNORED, 0, 1, 2)] * 9 + [(0, 0)] * 4 + [(1, 3, 4, IGNORED)] * 3
    strata = task_named("token_classification").strata(tags, ("O", "B-x", "I-x", "B-y", "I-y"))
    assert strata == [0] * 9 + [5] * 4 + [1] * 3
    _spread(strata)

    numbers = [float(number * number) for number in range(40)]
    strata = task_named("regression").strata(numbers, ("value",))
    assert strata == [number // 4 for number in range(40)]
    _spread(strata)
    assert task_named("regression").strata([2.0, 1.0], ("value",)) == [5, 0]


def test_the_rows_of_these_tests_have_rare_labels() -> None:
    """The fixture's promise: every label is in every fold."""
    rows = rows_of("token_classification", 160)
    assert sum("person" in row["label"] for row in rows) > FOLDS
