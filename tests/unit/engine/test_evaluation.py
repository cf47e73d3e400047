"""Every tier's run leaves a report that agrees with its metrics, and no run is lost to one."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import LogMessage
from mlworker.engine.evaluation import frozen
from mlworker.engine.evaluation import run as evaluation
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import sentences, write_run


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
def test_a_report_agrees_with_the_metrics(tier: str, tiny: BaseDirectory, tmp_path: Path) -> None:
    spec = write_run(tmp_path, tiny, tier, config={} if tier == "head" else {"epochs": 1})
    done = Run(tmp_path, spec, LocalLink()).execute()

    assert done.evaluation is not None
    report = json.loads((tmp_path / done.evaluation / "report.json").read_text())
    test = done.metrics["test"]
    assert isinstance(test, dict)
    assert report["split"] == "test"
    assert report["rows"] == test["rows"]
    assert report["accuracy"]["value"] == pytest.approx(test["accuracy"])
    assert report["macro_f1"]["value"] == pytest.approx(test["macro_f1"])
    assert report["confusion"]["counts"] == test["confusion"]
    assert report["loss"] == pytest.approx(test["loss"], abs=1e-5)
    measured = [line["name"] for line in report["baselines"] if line["accuracy"] is not None]
    assert measured == ["majority", "tf_idf", "frozen_base"]
    table = pq.read_table(tmp_path / done.evaluation / "predictions.parquet")
    wrong = sum(
        one != two
        for one, two in zip(table["label"].to_pylist(), table["predicted"].to_pylist(), strict=True)
    )
    assert wrong == report["errors"]


@pytest.mark.parametrize(("patient", "skipped"), [(False, ["too_slow"]), (True, [])])
def test_a_slow_baseline_is_skipped_unless_money_depends_on_it(
    patient: bool,
    skipped: list[str],
    tiny: BaseDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frozen, "_MOST", 0.0)
    spec = write_run(tmp_path, tiny, "lora", config={"epochs": 1}, patient_baselines=patient)

    done = Run(tmp_path, spec, LocalLink()).execute()

    assert done.evaluation is not None
    report = json.loads((tmp_path / done.evaluation / "report.json").read_text())
    assert [line["skipped"] for line in report["baselines"] if line["skipped"]] == skipped


def test_without_a_test_split_the_held_out_rows_are_reported(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = write_run(tmp_path, tiny, "head")
    for split in ("validation", "test"):
        (tmp_path / f"{split}.jsonl").write_text("")
    rows = [{**row, "row_id": str(number)} for number, row in enumerate(sentences(80))]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    done = Run(tmp_path, spec, LocalLink()).execute()

    assert done.evaluation is not None
    folder = tmp_path / done.evaluation
    report = json.loads((folder / "report.json").read_text())
    assert (report["split"], report["chosen_on"], report["rows"]) == ("validation", True, 8)
    table = pq.read_table(folder / "predictions.parquet")
    labels = {int(row["row_id"]): row["label"] for row in rows}
    assert [spec.labels[at] for at in table["label"].to_pylist()] == [
        labels[row] for row in table["row_id"].to_pylist()
    ]


def test_a_model_is_not_lost_to_its_report(
    tiny: BaseDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(evaluation, "_speed", broken)
    link = LocalLink()
    done = Run(tmp_path, write_run(tmp_path, tiny, "head"), link).execute()

    assert done.evaluation is None
    assert (tmp_path / done.artifact / "weights.safetensors").exists()
    (said,) = [
        message
        for message in link.messages
        if isinstance(message, LogMessage) and "no room" in message.message
    ]
    assert said.code == "trainer.report_missing"
