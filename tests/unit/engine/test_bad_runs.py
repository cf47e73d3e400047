"""Configurations and rows that cannot train: each ends with a code and a sentence."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import DoneMessage, EngineError, TrainSpec
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import LABELS, sentences, write_run


def _base(spec: TrainSpec, **changes: str) -> TrainSpec:
    return replace(spec, base=replace(spec.base, **changes))


def _with(**config: object) -> Callable[[TrainSpec], TrainSpec]:
    return lambda spec: replace(spec, config={**spec.config, **config})


GOOD = sentences(40)
ONE_CLASS = [row for row in GOOD if row["label"] == "good"]
EMPTY = [{**GOOD[0], "text": " \n"}, *GOOD[1:]]
STRANGE = [{**GOOD[0], "label": "middling"}, *GOOD[1:]]


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
@pytest.mark.parametrize(
    ("train", "change", "code", "words"),
    [
        (ONE_CLASS, None, "invalid_data", "none with the label 'bad'"),
        ([], None, "invalid_data", "no row to train on"),
        (GOOD[:1], None, "invalid_data", "none with the label 'good'"),
        (EMPTY, None, "invalid_data", "row r0 has no text"),
        (STRANGE, None, "invalid_data", "unknown label 'middling'"),
        (GOOD, lambda spec: replace(spec, labels=("bad",)), "invalid_data", "needs 2 to"),
        (GOOD, lambda spec: replace(spec, labels=(*LABELS, "so-so")), "invalid_data", "'so-so'"),
        (GOOD, lambda spec: replace(spec, tier="giant"), "invalid_config", "head, lora, full"),
        (GOOD, lambda spec: replace(spec, task="poetry"), "invalid_config", "no task 'poetry'"),
        (GOOD, _with(label_smoothing=float("nan")), "invalid_config", "label_smoothing must lie"),
        (GOOD, _with(max_length=10**9), "invalid_config", "max_length must lie"),
        (GOOD, _with(wings=2), "invalid_config", "no hyperparameter 'wings'"),
        (GOOD, lambda spec: _base(spec, directory="/nowhere"), "base_missing", "does not exist"),
        (GOOD, lambda spec: _base(spec, weights_sha256="0" * 64), "base_corrupt", "Install"),
    ],
)
def test_it_ends_with_a_code_and_a_sentence(
    tier: str,
    train: list[Any],
    change: Any,
    code: str,
    words: str,
    tiny: BaseDirectory,
    tmp_path: Path,
) -> None:
    spec = write_run(tmp_path, tiny, tier, train=train)
    with pytest.raises(EngineError) as caught:
        Run(tmp_path, change(spec) if change else spec, LocalLink()).execute()
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
    assert not (tmp_path / "artifact").exists()


@pytest.mark.parametrize("tier", ["lora", "full"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"learning_rate": 1e9}, "learning_rate must lie between 1e-07 and 1"),
        ({"learning_rate": float("nan")}, "learning_rate must lie"),
        ({"epochs": 10**9}, "epochs must lie between 1 and 100"),
        ({"epochs": 0}, "epochs must lie"),
        ({"frozen_layers": 3}, "between 0 and 2, the base's blocks"),
        ({"optimizer": "lion"}, "optimizer must be one of"),
    ],
)
def test_out_of_bounds_is_refused_before_a_step(
    tier: str, values: dict[str, object], words: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = write_run(tmp_path, tiny, tier, config=values)
    with pytest.raises(EngineError, match=words) as caught:
        Run(tmp_path, spec, LocalLink()).execute()
    assert caught.value.code == "invalid_config"


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
def test_a_text_of_a_hundred_thousand_words_is_cut_and_charged_as_cut(
    tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    long = [{**GOOD[0], "text": "boring " * 100_000}, *GOOD[1:]]
    values = {"max_length": 64} | ({} if tier == "head" else {"epochs": 1})
    spec = write_run(tmp_path, tiny, tier, train=long, config=values)
    done = Run(tmp_path, spec, LocalLink()).execute()
    assert isinstance(done, DoneMessage)
    assert done.trained_tokens == done.trained_tokens_planned < 40 * 64
