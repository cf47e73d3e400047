"""Every task in every tier: it learns, it is served as trained, and stock libraries agree."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import BaseReference
from mlworker.engine.export import export_adapter, export_merged
from mlworker.engine.exporting.contracts import ARTIFACT, OUT, ExportFormat, ExportSpec
from mlworker.engine.exporting.run import Export
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
ROOT = Path(__file__).resolve().parents[3]


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


@pytest.fixture(scope="module")
def stock(
    finished: dict[tuple[str, str], Finished],
    tiny: BaseDirectory,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[torch.Tensor]]:
    """Logits of everything exported, by stock libraries in a process of their own."""
    place = tmp_path_factory.mktemp("exported")
    folders: dict[str, tuple[str, str, str | None]] = {}
    for (task, tier), model in finished.items():
        artifact = load_artifact(model.folder / model.done.artifact)
        kind = task_named(task).stock.architecture.replace("Bert", "AutoModel", 1)
        merged = export_merged(artifact, tiny, place / f"{task}-{tier}")
        folders[f"{task} {tier}"] = (str(merged), kind, None)
        if tier == "lora":
            adapter = export_adapter(artifact, tiny, place / f"{task}-adapter")
            folders[f"{task} adapter"] = (str(adapter), kind, str(tiny.directory))
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.unit.tasks.stock"],
        input=json.dumps({"texts": TEXTS, "folders": folders}),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    found = json.loads(told.stdout)
    return {name: [torch.tensor(one) for one in lines] for name, lines in found.items()}


@pytest.mark.parametrize("tier", [*TIERS, "adapter"])
@pytest.mark.parametrize("task", NEW_TASKS)
def test_an_export_equals_us_in_stock_libraries(
    task: str,
    tier: str,
    finished: dict[tuple[str, str], Finished],
    tiny: BaseDirectory,
    stock: dict[str, list[torch.Tensor]],
) -> None:
    known = task_named(task)
    model = finished[task, "lora" if tier == "adapter" else tier]
    resident = _resident(tiny, [model])
    ids = [item.ids for item in resident.tokenizer.encode(TEXTS, 256)]
    ours = resident.forward([TokenRow(row, 0) for row in ids])

    for logits, answer in zip(stock[f"{task} {tier}"], ours, strict=True):
        theirs = known.answers(logits if known.level == "token" else logits[None]).flatten()
        torch.testing.assert_close(theirs, torch.tensor(answer), atol=2e-4, rtol=1e-4)


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


@pytest.mark.parametrize("task", NEW_TASKS)
def test_the_exports_process_makes_the_folder_of_every_task(
    task: str, finished: dict[tuple[str, str], Finished], tiny: BaseDirectory, tmp_path: Path
) -> None:
    shutil.copytree(finished[task, "lora"].folder / "artifact", tmp_path / ARTIFACT)
    base = BaseReference(tiny.id, str(tiny.directory), tiny.weights_sha256)
    ExportSpec(ExportFormat.HUGGINGFACE, "ft:tiny", base).write(tmp_path)
    told = io.StringIO()
    Export(tmp_path, told).run()
    assert json.loads(told.getvalue().splitlines()[-1]) == {"type": "done", "quality": None}
    assert (tmp_path / OUT / "model.safetensors").is_file()


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
