"""Cross-validation and search: folds, trials, resumption, and what they leave."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import (
    CheckpointMessage,
    DoneMessage,
    EngineError,
    MetricMessage,
    StopCommand,
    StudyMessage,
    TrainSpec,
)
from mlworker.engine.link import LocalLink, StopRequested
from mlworker.engine.study.cost import (
    folds_tokens,
    runs_of,
    search_tokens,
    stratified_folds,
)
from mlworker.engine.study.files import FOLDER, PREDICTIONS, label_errors_read
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import GOOD, Start, sentences, write_run

LORA = {"epochs": 2, "patience": 0}


class Interrupting(LocalLink):
    """Asks the run to stop when it looks for the n-th time."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def poll(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise StopRequested(StopCommand("checkpoint"))


def _run(folder: Path, spec: TrainSpec) -> tuple[DoneMessage, LocalLink]:
    link = LocalLink()
    return Run(folder, spec, link).execute(), link


def _found(link: LocalLink) -> dict[str, dict[str, object]]:
    told = [message for message in link.messages if isinstance(message, StudyMessage)]
    return dict(told[-1].found)  # type: ignore[arg-type]


def _timeless(found: object) -> object:
    """Results without their times, to be compared."""
    return json.loads(json.dumps(found), object_hook=lambda one: one | {"seconds": 0})


def test_folds_spread_every_label_evenly() -> None:
    targets = [0] * 50 + [1] * 23 + [2] * 4
    folds = stratified_folds(targets, 5, seed=3)
    sizes = [folds.count(fold) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 1
    for label in (0, 1, 2):
        mine = [fold for fold, target in zip(folds, targets, strict=True) if target == label]
        counts = [mine.count(fold) for fold in range(5)]
        assert max(counts) - min(counts) <= 1
    assert folds == stratified_folds(targets, 5, seed=3)
    assert folds != stratified_folds(targets, 5, seed=4)


def test_what_is_trained_is_counted_exactly() -> None:
    assert folds_tokens(100, passes=3, tier="lora", folds=5) == 4 * 300
    assert folds_tokens(100, passes=3, tier="lora", folds=0) == 0
    assert folds_tokens(100, passes=1, tier="head", folds=5) == 0
    assert search_tokens(100, passes=3, tier="full", trials=9, runs=2) == 100 + 600
    assert search_tokens(100, passes=1, tier="head", trials=9, runs=0) == 0
    assert [runs_of("lora", trials) for trials in (0, 2, 8, 200)] == [0, 1, 2, 4]
    assert runs_of("head", 50) == 0


STUDIES = [
    ("head", {}, {"folds": 3}, 1268),
    ("head", {}, {"folds": 3, "trials": 6}, 1268),
    ("lora", LORA, {"folds": 3}, 6 * 1268),
    ("lora", LORA, {"trials": 4, "runs": 2}, 7 * 1268),
    ("full", LORA, {"folds": 2, "trials": 4, "runs": 1}, 7 * 1268),
]


@pytest.mark.parametrize(("tier", "config", "study", "tokens"), STUDIES)
def test_a_study_trains_what_was_quoted_and_ends_with_a_model(
    tier: str,
    config: dict[str, object],
    study: dict[str, int],
    tokens: int,
    tiny: BaseDirectory,
    tmp_path: Path,
) -> None:
    spec = write_run(tmp_path, tiny, tier, config=config, **study)
    done, link = _run(tmp_path, spec)
    assert (done.trained_tokens, done.trained_tokens_planned) == (tokens, tokens)
    assert done.steps == done.steps_planned
    metrics = [message for message in link.messages if isinstance(message, MetricMessage)]
    steps = [message.step for message in metrics]
    assert steps == sorted(steps)
    assert {message.steps_planned for message in metrics} == {done.steps_planned}
    found = _found(link)
    assert set(found) == {
        name
        for name, wanted in (("cross_validation", "folds"), ("search", "trials"))
        if wanted in study
    }
    assert load_artifact(tmp_path / "artifact").manifest.tier == tier
    assert done.evaluation == "evaluation"


def test_every_row_is_judged_by_a_model_that_has_not_seen_it(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    rows = [
        {"row_id": str(number), "text": one["text"], "label": one["label"]}
        for number, one in enumerate(sentences(90))
    ]
    spec = write_run(tmp_path, tiny, "head", train=rows, folds=3)
    _, link = _run(tmp_path, spec)
    table = pq.read_table(tmp_path / FOLDER / PREDICTIONS)
    assert table["row_id"].to_pylist() == list(range(90))
    assert sorted(set(table["fold"].to_pylist())) == [1, 2, 3]
    found = _found(link)["cross_validation"]
    folds = found["folds"]
    assert isinstance(folds, list)
    for fold in folds:
        mine = table.filter([place == fold["fold"] for place in table["fold"].to_pylist()])
        right = [a == b for a, b in zip(mine["label"], mine["predicted"], strict=True)]
        assert fold["rows"] == len(right)
        assert fold["metrics"]["accuracy"] == pytest.approx(sum(right) / len(right))
    accuracies = [fold["metrics"]["accuracy"] for fold in folds]
    assert found["mean"]["accuracy"] == pytest.approx(sum(accuracies) / 3)


def test_swapped_labels_are_found(minilm: BaseDirectory, tmp_path: Path) -> None:
    """On the real base: what is named has been swapped, and it is most of the six."""
    rows = [{**one, "row_id": str(number)} for number, one in enumerate(sentences(120))]
    swapped = set(range(5, 120, 20))
    for number in swapped:
        rows[number]["label"] = "bad" if rows[number]["label"] == "good" else "good"
    spec = write_run(tmp_path, minilm, "head", train=rows, folds=3)
    _, link = _run(tmp_path, spec)
    with (tmp_path / FOLDER / PREDICTIONS).open("rb") as source:
        errors = label_errors_read(source)
    assert errors is not None
    named = errors["row_id"].to_pylist()
    assert len(set(named) & swapped) >= 4
    assert len(set(named) - swapped) <= 1
    assert _found(link)["cross_validation"]["label_errors"] == errors.num_rows
    assert json.loads(errors.schema.metadata[b"labels"]) == ["bad", "good"]
    assert errors["suggested"].to_pylist() == [1 - label for label in errors["label"].to_pylist()]


BROKEN = [
    ("lora", {**LORA, "lora_dropout": 0.1}, {"folds": 3}, 17, 0),
    ("full", LORA, {"folds": 2}, 19, 0),
    ("lora", LORA, {"trials": 4, "runs": 2, "folds": 2}, 60, 60),
    ("head", {}, {"folds": 2, "trials": 4}, 200, 200),
]


@pytest.mark.parametrize(("tier", "config", "study", "after", "more"), BROKEN)
def test_a_broken_study_ends_as_an_unbroken_one(
    tier: str,
    config: dict[str, object],
    study: dict[str, int],
    after: int,
    more: int,
    tiny: BaseDirectory,
    tmp_path: Path,
) -> None:
    """Stopped again and again, between parts and inside them, from the newest checkpoint on."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected, told = _run(whole, write_run(whole, tiny, tier, config=config, **study))
    spec = write_run(broken, tiny, tier, config=config, checkpoint_seconds=0.0, **study)
    stops = 0
    while True:
        link = Interrupting(after + more * stops)
        run = Run(broken, spec, link)
        try:
            done = run.execute()
            break
        except StopRequested:
            stops += 1
            saved = [one for one in link.messages if isinstance(one, CheckpointMessage)]
            if saved:
                spec = replace(spec, resume=saved[-1].path)
    assert stops >= 2
    assert (done.steps, done.trained_tokens) == (expected.steps, expected.trained_tokens)
    assert done.metrics == expected.metrics
    assert _timeless(_found(link)) == _timeless(_found(told))
    first, second = load_artifact(whole / "artifact"), load_artifact(broken / "artifact")
    for name, tensor in first.tensors.items():
        torch.testing.assert_close(second.tensors[name], tensor, atol=1e-6, rtol=1e-5)


def test_after_kill_9_in_a_fold_another_child_goes_on_inside_it(
    tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected, _ = _run(whole, write_run(whole, tiny, "lora", config=LORA, folds=3))
    hooks = {"step_delay_ms": 20.0}
    spec = write_run(
        broken, tiny, "lora", config=LORA, folds=3, checkpoint_seconds=0.0, test_hooks=hooks
    )
    child = start(broken)
    while True:
        saved = child.until("checkpoint")
        if int(str(saved["step"])) > expected.steps_planned // 3:
            break
    child.process.kill()
    child.process.wait()

    replace(spec, resume=str(saved["path"]), test_hooks={}).write(broken)
    again = start(broken)
    assert again.wait() == 0

    done = again.messages[-1]
    assert (done["steps"], done["trained_tokens"]) == (expected.steps, expected.trained_tokens)
    assert done["metrics"] == json.loads(json.dumps(expected.metrics))
    steps = [message["step"] for message in again.messages if message["type"] == "metric"]
    assert min(int(str(step)) for step in steps) >= int(str(saved["step"])) - 1


def test_a_checkpoint_of_another_study_is_refused(tiny: BaseDirectory, tmp_path: Path) -> None:
    spec = write_run(tmp_path, tiny, "lora", config=LORA, folds=3, checkpoint_seconds=0.0)
    with pytest.raises(StopRequested):
        Run(tmp_path, spec, link := Interrupting(20)).execute()
    saved = [one for one in link.messages if isinstance(one, CheckpointMessage)][-1]
    with pytest.raises(EngineError, match="other rows, labels or settings") as caught:
        Run(tmp_path, replace(spec, folds=4, resume=saved.path), LocalLink()).execute()
    assert caught.value.code == "checkpoint_corrupt"


def test_a_search_never_chooses_worse_than_auto_and_repeats_itself(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    told = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        spec = write_run(folder, tiny, "head", config={"seed": seed}, trials=12)
        _, link = _run(folder, spec)
        told.append(_found(link)["search"])
    tried = told[0]["tried"]
    assert isinstance(tried, list)
    assert tried[0]["params"] == {"head_penalty": 0.01, "label_smoothing": 0.0, "head_block": 1}
    whole = [trial for trial in tried if trial["state"] == "complete"]
    assert 0 < len(whole) < len(tried) == 12
    best = min(whole, key=lambda trial: trial["value"])
    assert told[0]["best"] == best["params"]
    assert best["value"] <= tried[0]["value"]
    assert _timeless(told[0]) == _timeless(told[1])
    assert _timeless(told[0]) != _timeless(told[2])


def test_the_model_is_trained_as_the_search_chose(tiny: BaseDirectory, tmp_path: Path) -> None:
    spec = write_run(tmp_path, tiny, "lora", config=LORA, trials=4, runs=2, fixed=("dropout",))
    _, link = _run(tmp_path, spec)
    best = _found(link)["search"]["best"]
    assert isinstance(best, dict)
    assert "dropout" not in best
    config = load_artifact(tmp_path / "artifact").manifest.config
    assert {name: config[name] for name in best} == best


def test_a_search_all_of_whose_runs_diverge_says_so(tiny: BaseDirectory, tmp_path: Path) -> None:
    config = {
        "learning_rate": 1.0,
        "max_grad_norm": 100.0,
        "epochs": 20,
        "warmup_fraction": 0.0,
        "optimizer": "sgd",
        "patience": 0,
    }
    spec = write_run(tmp_path, tiny, "full", config=config, trials=2, runs=1, fixed=("dropout",))
    link = LocalLink()
    with pytest.raises(EngineError, match="Every configuration") as caught:
        Run(tmp_path, spec, link).execute()
    assert caught.value.code == "diverged"
    (run,) = [one for one in _found(link)["search"]["tried"] if one["stage"] == "full"]  # type: ignore[attr-defined]
    assert (run["state"], run["loss"]) == ("diverged", None)


def _disputed(rows: list[dict[str, str]], every: int) -> list[dict[str, str]]:
    """Rows of which each so-manyth has the other label."""
    other = {"bad": "good", "good": "bad"}
    return [
        {**row, "label": other[row["label"]]} if number % every == 0 else row
        for number, row in enumerate(rows)
    ]


def test_the_temperature_lies_in_the_head_and_changes_no_label(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    """Many of the rows that judge are disputed: whoever is less sure is less wrong."""
    heads, answers, links = [], [], []
    for name, folds in (("plain", {}), ("studied", {"folds": 2})):
        folder, link = tmp_path / name, LocalLink()
        spec = write_run(folder, tiny, "head", train=_disputed(sentences(80), 5), **folds)
        judging = _disputed(sentences(24, seed=1), 3)
        (folder / "validation.jsonl").write_text("".join(json.dumps(r) + "\n" for r in judging))
        run = Run(folder, spec, link)
        run.execute()
        assert run.test_logits is not None
        heads.append(load_file(folder / "artifact/weights.safetensors")["head.weight"])
        answers.append(run.test_logits)
        links.append(link)
    found = _found(links[1])["cross_validation"]["calibration"]
    assert isinstance(found, dict)
    assert found["applied"]
    assert found["temperature"] > 1.2
    torch.testing.assert_close(heads[1] * found["temperature"], heads[0], atol=1e-4, rtol=1e-3)
    assert torch.equal(answers[1].argmax(dim=1), answers[0].argmax(dim=1))
    assert set(found["thresholds"]) == {"bad", "good"}


def test_rows_that_hold_out_nothing_are_not_judged_by_themselves(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    """Below twenty rows validation is the training rows: a fold must not choose by its own."""
    spec = write_run(tmp_path, tiny, "lora", config=LORA, rows=12, folds=2)
    (tmp_path / "validation.jsonl").unlink()
    done, link = _run(tmp_path, spec)
    folds = _found(link)["cross_validation"]["folds"]
    assert isinstance(folds, list)
    assert [fold["rows"] for fold in folds] == [6, 6]
    assert done.trained_tokens == done.trained_tokens_planned


def test_words_that_tell_are_what_the_rows_hold() -> None:
    """The fixture's promise, on which the swapped labels above rest."""
    good = [row for row in sentences(40) if row["label"] == "good"]
    assert all(any(word in row["text"] for word in GOOD) for row in good)
