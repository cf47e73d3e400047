"""The measuring helpers measure what they claim to."""

from pathlib import Path

import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.bench.naive import naive_fine_tune
from mlworker.engine.bench.raw import raw_loop, raw_model
from mlworker.engine.bench.samples import mr_sample
from mlworker.engine.inference import Resident, TokenRow
from tests.unit.engine.conftest import sentences
from tests.unit.engine.test_artifact import make_artifact


@pytest.mark.parametrize("tier", ["head", "lora"])
@pytest.mark.parametrize("batch", [1, 16])
def test_the_raw_loop_answers_what_serving_answers(
    tier: str, batch: int, tiny: BaseDirectory
) -> None:
    artifact = make_artifact(tiny, tier)
    resident = Resident.open(tiny, slots=1)
    resident.load(0, artifact)
    texts = [row["text"] for row in sentences(40)]
    rows = [item.ids for item in resident.tokenizer.encode(texts, 64)]

    found = raw_loop(raw_model(resident.bert, artifact), rows, batch=batch)

    served = resident.forward([TokenRow(row, 0) for row in rows])
    worst = max(
        abs(a - b)
        for one, other in zip(found.probabilities, served, strict=True)
        for a, b in zip(one, other, strict=True)
    )
    assert worst < 1e-5
    assert found.rows == 40
    assert min(found.rows_per_second, found.core_ms_per_row, found.p50_ms) > 0


@pytest.mark.parametrize("cheaply", [False, True])
def test_the_naive_recipe_trains(tiny: BaseDirectory, *, cheaply: bool) -> None:
    pairs = [(row["text"], int(row["label"] == "good")) for row in sentences(32)]
    found = naive_fine_tune(tiny, pairs, pairs[:8], labels=2, epochs=2, seed=0, cheaply=cheaply)
    assert len(found.accuracy) == len(found.seconds) == 2
    assert found.seconds[0] < found.seconds[1]
    assert found.rows_per_second == pytest.approx(64 / found.seconds[1])


def test_the_sample_is_fixed_balanced_and_apart(tmp_path: Path) -> None:
    path = tmp_path / "mr.csv"
    rows = [f"text {number},{'pos' if number % 2 else 'neg'}" for number in range(5_000)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")

    sample, again = mr_sample(path), mr_sample(path)

    assert sample == again
    assert (len(sample.train), len(sample.test)) == (2_000, 2_132)
    assert len(sample.validation) == 200
    texts = [text for text, _ in (*sample.train, *sample.test, *sample.validation)]
    assert len(set(texts)) == len(texts)
    assert sum(label == "pos" for _, label in sample.train) == 1_000
    assert len(mr_sample(path, full=True).train) == 5_000 - 2_132
