"""Every task in every tier: it learns, and is served as trained."""

import json
from pathlib import Path

import pytest

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.export import export_merged
from mlworker.engine.inference import Resident, TokenRow
from mlworker.engine.tasks import task_named
from tests.unit.tasks.conftest import TIERS, Finished
from tests.unit.tasks.runs import NEW_TASKS, rows_of

CASES = [(task, tier) for task in NEW_TASKS for tier in TIERS]
TEXTS = [row["text"] for row in rows_of("token_classification", 6, 9)] + [
    "你好 — émigré",
    "wonderful",
]
LEAST = {"multi_label_classification": 0.8, "regression": 0.5, "token_classification": 0.8}


@pytest.mark.parametrize(("task", "tier"), CASES)
def test_a_task_is_learned_from_its_words(
    task: str, tier: str, finished: dict[tuple[str, str], Finished]
) -> None:
    known, done = task_named(task), finished[task, tier].done

    assert done.metrics["test"][known.primary_metric] >= LEAST[task]  # type: ignore[index,operator,call-overload]
    assert set(known.headline) <= set(done.metrics["test"])  # type: ignore[arg-type]
    assert done.trained_tokens > 0


def _resident(base: BaseDirectory, models: list[Finished]) -> Resident:
    resident = Resident.open(base, slots=len(models))
    for slot, model in enumerate(models):
        resident.load(slot, load_artifact(model.folder / model.done.artifact))
    return resident


def test_all_tasks_and_tiers_answer_in_one_batch_as_they_do_alone(
    finished: dict[tuple[str, str], Finished], tiny: BaseDirectory
) -> None:
    models = [finished[case] for case in CASES]
    together = _resident(tiny, models)
    ids = [item.ids for item in together.tokenizer.encode(TEXTS, 64)]
    rows = [TokenRow(row, slot) for row in ids for slot in range(len(models))]

    mixed = together.forward(rows)

    for slot, model in enumerate(models):
        alone = _resident(tiny, [model]).forward([TokenRow(row, 0) for row in ids])
        for number, answer in enumerate(alone):
            found = mixed[number * len(models) + slot]
            assert found == pytest.approx(answer, rel=1e-4, abs=1e-4), (model.task, model.tier)


@pytest.mark.parametrize("tier", TIERS)
def test_an_answer_about_tokens_has_two_numbers_for_each(
    tier: str, finished: dict[tuple[str, str], Finished], tiny: BaseDirectory
) -> None:
    resident = _resident(tiny, [finished["token_classification", tier]])
    ids = [item.ids for item in resident.tokenizer.encode(TEXTS, 64)]

    answers = resident.forward([TokenRow(row, 0) for row in ids])

    assert [len(answer) for answer in answers] == [2 * len(row) for row in ids]


@pytest.mark.parametrize("task", NEW_TASKS)
def test_an_exported_configuration_names_the_problem(
    task: str, finished: dict[tuple[str, str], Finished], tiny: BaseDirectory, tmp_path: Path
) -> None:
    model, known = finished[task, "head"], task_named(task)
    artifact = load_artifact(model.folder / model.done.artifact)

    folder = export_merged(artifact, tiny, tmp_path / "hf")

    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [known.stock.architecture]
    assert config["problem_type"] == known.stock.problem
    assert tuple(config["id2label"].values()) == artifact.manifest.labels


BASELINES = {
    "multi_label_classification": ["frequency", "tf_idf", "frozen_base"],
    "regression": ["mean", "tf_idf", "frozen_base"],
    "token_classification": ["word_tag", "frozen_base"],
}


@pytest.mark.parametrize(("task", "tier"), CASES)
def test_a_report_sets_the_model_beside_simple_methods(
    task: str, tier: str, finished: dict[tuple[str, str], Finished]
) -> None:
    run = finished[task, tier]
    assert run.done.evaluation is not None
    report = json.loads((run.folder / run.done.evaluation / "report.json").read_text())
    names = [figure["name"] for figure in report["figures"]]

    assert [line["name"] for line in report["baselines"]] == BASELINES[task]
    for line in report["baselines"]:
        assert line["skipped"] is None
        assert [figure["name"] for figure in line["figures"]] == names
        assert line["fitted_rows"] > 0
    found = report["comparison"]
    best = max(report["baselines"], key=lambda line: float(line["figures"][0]["value"]))
    own = report["figures"][0]["value"]
    assert (found["baseline"], found["figure"]) == (best["name"], task_named(task).primary_metric)
    assert found["difference"] == pytest.approx(own - best["figures"][0]["value"])
    assert found["verdict"] in {"better", "not_separable", "worse"}
    assert 0 < found["p_value"] <= 1
