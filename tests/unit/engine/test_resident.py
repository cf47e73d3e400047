"""Serving: rows of many models in one batch, each as if it were alone."""

import gc
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from mlworker.engine.artifact import Artifact, load_artifact, save_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError
from mlworker.engine.data.packing import pack_rows, padding_of
from mlworker.engine.inference import (
    Resident,
    SlotsExhausted,
    SlotTable,
    TokenRow,
    merged,
    plan_batches,
    slots,
)
from tests.unit.engine.conftest import sentences
from tests.unit.engine.test_artifact import make_artifact

KINDS = [
    ("lora", ("a", "b")),
    ("lora", ("a", "b", "c")),
    ("head", ("x", "y", "z", "w")),
    ("head", ("x", "y")),
    ("lora", ("a", "b")),
    ("full", ("a", "b")),
    ("full", ("a", "b", "c")),
]


@pytest.fixture(scope="module")
def resident(tiny: BaseDirectory) -> Resident:
    """Seven models: every tier, several label counts."""
    made = Resident.open(tiny, slots=len(KINDS))
    for slot, (tier, labels) in enumerate(KINDS):
        made.load(slot, make_artifact(tiny, tier, labels=labels, seed=slot))
    return made


def _rows(resident: Resident, slots: Sequence[int]) -> list[TokenRow]:
    texts = [row["text"] for row in sentences(len(slots), seed=len(slots))]
    encoded = resident.tokenizer.encode(texts, 64)
    return [TokenRow(item.ids, slot) for item, slot in zip(encoded, slots, strict=True)]


def _close(found: list[list[float]], expected: list[list[float]], tolerance: float) -> bool:
    return all(
        len(one) == len(other)
        and max(abs(a - b) for a, b in zip(one, other, strict=True)) < tolerance
        for one, other in zip(found, expected, strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(slots=st.lists(st.integers(0, len(KINDS) - 1), min_size=1, max_size=24))
def test_a_row_answers_the_same_in_any_company(resident: Resident, slots: list[int]) -> None:
    rows = _rows(resident, slots)

    together = resident.forward(rows)

    assert _close(together, [resident.forward([row])[0] for row in rows], 1e-5)
    assert [len(row) for row in together] == [len(resident.labels(slot)) for slot in slots]
    assert all(abs(sum(row) - 1) < 1e-5 for row in together)


def test_models_disagree_with_each_other(resident: Resident) -> None:
    """Else equality in company would prove nothing."""
    ids = _rows(resident, [0])[0].ids
    first, fifth, sixth = resident.forward([TokenRow(ids, slot) for slot in (0, 4, 5)])
    assert abs(first[0] - fifth[0]) > 1e-3
    assert abs(first[0] - sixth[0]) > 1e-3


def test_bf16_answers_nearly_the_same(resident: Resident, tiny: BaseDirectory) -> None:
    half = Resident.open(tiny, slots=len(KINDS), precision="bfloat16")
    for slot, (tier, labels) in enumerate(KINDS):
        half.load(slot, make_artifact(tiny, tier, labels=labels, seed=slot))
    rows = _rows(resident, [0, 1, 2, 3, 4, 5, 6] * 4)
    assert _close(half.forward(rows), resident.forward(rows), 0.1)


def test_a_larger_rank_joins_without_changing_the_others(tiny: BaseDirectory) -> None:
    made = Resident.open(tiny, slots=2)
    made.load(0, make_artifact(tiny, "lora"))
    rows = _rows(made, [0, 0, 0])
    before = made.forward(rows)
    big = make_artifact(tiny, "lora", seed=9)
    wide = {name: _widened(name, value) for name, value in big.tensors.items()}
    entry = type(big.manifest.lora)(16, 32.0)
    manifest = type(big.manifest)(**{**_fields(big), "lora": entry})

    made.load(1, Artifact(manifest, wide))

    assert _close(made.forward(rows), before, 1e-6)
    assert made.forward([TokenRow(rows[0].ids, 1)]) != [before[0]]


def _fields(artifact: Artifact) -> dict[str, object]:
    manifest = artifact.manifest
    return {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}


def _widened(name: str, value: torch.Tensor) -> torch.Tensor:
    """Rank 4 to rank 16 by repetition."""
    if name.endswith(".a"):
        parts = 3 if "qkv" in name else 1
        return value.view(parts, 4, -1).repeat(1, 4, 1).reshape(parts * 16, -1)
    return value.repeat(1, 1, 4) if name.endswith(".b") else value


def test_a_batch_larger_than_the_budget_is_answered_in_order(resident: Resident) -> None:
    slots = [0, 2, 1] * 150
    rows = _rows(resident, slots)
    found = resident.forward(rows)
    places = [0, 1, 200, 449]
    assert _close(
        [found[place] for place in places],
        [resident.forward([rows[place]])[0] for place in places],
        1e-5,
    )


def test_embeddings_are_unit_vectors_in_order(resident: Resident) -> None:
    rows = _rows(resident, [0] * 9)
    vectors = torch.tensor(resident.embed(rows))
    lone = torch.tensor([resident.embed([row])[0] for row in rows])
    torch.testing.assert_close(vectors, lone, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(9))


def test_vectors_equal_the_mean_pooling_of_stock_transformers(minilm: BaseDirectory) -> None:
    """Stock tokenizer, stock model, mean over the tokens, length one; long texts cut alike."""
    texts = [row["text"] for row in sentences(7)] + ["one", "Ünïcode 好的 🙂", "word " * 80]
    batch = AutoTokenizer.from_pretrained(minilm.directory)(
        texts, padding=True, truncation=True, max_length=64, return_tensors="pt"
    )
    mask = batch["attention_mask"][..., None]
    with torch.inference_mode():
        states = AutoModel.from_pretrained(minilm.directory).eval()(**batch).last_hidden_state
    mean = (states * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(mean, dim=1)

    ours = Resident.open(minilm, slots=1)
    encoded = ours.tokenizer.encode(texts, 64)
    found = torch.tensor(ours.embed([TokenRow(each.ids, 0) for each in encoded]))

    assert [len(each.ids) for each in encoded] == batch["attention_mask"].sum(1).tolist()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_padding_is_told_as_it_is_packed() -> None:
    lengths = [3, 3, 3, 4, 9, 10, 30, 30, 64]
    packed = pack_rows([[1] * length for length in lengths])
    cells = sum(bucket.rows * bucket.width for bucket in packed.buckets)

    assert padding_of(lengths[::-1]) == cells - sum(lengths) > 0
    assert padding_of([]) == padding_of([5, 5, 5]) == 0


def test_an_empty_slot_is_an_error(tiny: BaseDirectory) -> None:
    made = Resident.open(tiny, slots=2)
    with pytest.raises(ValueError, match="slot 1 is empty"):
        made.forward([TokenRow([101, 102], 1)])


def test_batches_are_sorted_and_under_the_budget() -> None:
    lengths = [30, 5, 900, 7, 7, 31, 2]
    batches = plan_batches(lengths, token_budget=64, max_rows=3)
    assert sorted(index for batch in batches for index in batch) == list(range(7))
    assert all(sum(lengths[i] for i in batch) <= 64 or len(batch) == 1 for batch in batches)
    assert max(len(batch) for batch in batches) <= 3


def _table(base: BaseDirectory, slots: int) -> tuple[SlotTable, list[str]]:
    loaded: list[str] = []

    def loader(key: str) -> Artifact:
        loaded.append(key)
        if key == "broken":
            raise EngineError("artifact_corrupt", "broken")
        return make_artifact(base, "head", seed=len(key))

    return SlotTable(Resident.open(base, slots=slots), loader), loaded


def test_the_least_recently_used_model_leaves(tiny: BaseDirectory) -> None:
    table, loaded = _table(tiny, 2)
    table.ensure("a")
    table.ensure("bb")
    table.ensure("a")

    table.ensure("ccc")

    assert loaded == ["a", "bb", "ccc"]
    assert (table.peek("bb"), table.peek("a") is None) == (None, False)


def _full_table(base: BaseDirectory, models: float) -> SlotTable:
    """Room for so many models of tier full."""
    size = Resident.open(base, slots=1).size(make_artifact(base, "full"))
    assert size > 0

    def loader(key: str) -> Artifact:
        return make_artifact(base, "full" if key.startswith("f") else "head", seed=len(key))

    return SlotTable(Resident.open(base, slots=8), loader, room=int(size * models))


def test_full_models_share_a_budget_and_others_are_not_pushed_out(tiny: BaseDirectory) -> None:
    table = _full_table(tiny, 2.5)
    for key in ("f1", "head", "f22", "f1", "f333"):
        table.ensure(key)
    assert [key for key in ("f1", "f22", "f333", "head") if table.peek(key) is None] == ["f22"]
    assert table.bytes <= table._room
    table.drop("f1")
    assert table.ensure("f22") is not None
    assert {key: table.peek(key) is None for key in ("f1", "f333")} == {"f1": True, "f333": False}


def test_a_full_model_larger_than_the_budget_is_refused_with_the_way_out(
    tiny: BaseDirectory,
) -> None:
    table = _full_table(tiny, 0.5)
    with pytest.raises(EngineError, match="ANNEAL_SERVE_FULL_MIB") as caught:
        table.ensure("f1")
    assert caught.value.code == "out_of_memory"
    assert table.ensure("head") is not None


def test_a_load_waits_for_what_a_batch_uses(tiny: BaseDirectory) -> None:
    table = _full_table(tiny, 1.0)
    table.ensure("f1")
    done: list[int] = []
    with table.held(["f1", "absent"]) as slots:
        assert set(slots) == {"f1"}
        thread = threading.Thread(target=lambda: done.append(table.ensure("f22", patience=20)))
        thread.start()
        with pytest.raises(SlotsExhausted):
            table.ensure("f333")
        assert not done
        assert table.peek("f1") is not None
    thread.join(20)
    assert done == [table.peek("f22")]
    assert table.peek("f1") is None


def test_a_full_model_keeps_only_its_own_weights_in_memory(tiny: BaseDirectory) -> None:
    made = Resident.open(tiny, slots=1)
    made.load(0, make_artifact(tiny, "full"))
    own = made._model(0).bert
    assert own is not None
    assert own.words.weight.data_ptr() == made.bert.words.weight.data_ptr()
    assert own.pooler.weight.data_ptr() != made.bert.pooler.weight.data_ptr()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells what is mapped")
def test_an_adapters_file_is_let_go_once_it_is_in_its_slot(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    made = make_artifact(tiny, "lora")
    save_artifact(tmp_path / "model", made.manifest, made.tensors)
    resident = Resident.open(tiny, slots=1)

    resident.load(0, load_artifact(tmp_path / "model"))
    gc.collect()

    assert str(tmp_path / "model") not in Path("/proc/self/maps").read_text()


def test_a_pinned_model_stays(tiny: BaseDirectory) -> None:
    table, _ = _table(tiny, 2)
    with table.pinned(["a", "bb", "a"]) as slots:
        assert sorted(slots.values()) == [0, 1]
        with pytest.raises(SlotsExhausted):
            table.ensure("ccc")
        table.drop("a")
        assert table.peek("a") is not None
    assert table.ensure("ccc") in (0, 1)


def test_a_model_that_fails_to_load_takes_no_slot(tiny: BaseDirectory) -> None:
    table, loaded = _table(tiny, 1)
    for _ in range(2):
        with pytest.raises(EngineError):
            table.ensure("broken")
    assert table.ensure("a") == 0
    assert loaded == ["broken", "broken", "a"]


def test_a_dropped_model_is_loaded_again(tiny: BaseDirectory) -> None:
    table, loaded = _table(tiny, 2)
    table.ensure("a")
    table.drop("a")
    table.ensure("a")
    assert loaded == ["a", "a"]


def test_models_load_while_others_answer(tiny: BaseDirectory) -> None:
    table, _ = _table(tiny, 3)
    resident = table._resident
    first = table.ensure("a")
    rows = _rows(resident, [first] * 4)
    expected = resident.forward(rows)
    stop, wrong = threading.Event(), []

    def answer() -> None:
        while not stop.is_set():
            if not _close(resident.forward(rows), expected, 1e-6):
                wrong.append(1)

    thread = threading.Thread(target=answer)
    thread.start()
    for number in range(30):
        with table.pinned(["a", f"other{'x' * (number % 5)}"]):
            continue
    stop.set()
    thread.join()
    assert not wrong
    assert table.peek("a") == first


def test_int8_answers_nearly_the_same_in_every_tier(
    resident: Resident, tiny: BaseDirectory
) -> None:
    small = Resident.open(tiny, slots=len(KINDS), precision="int8")
    for slot, (tier, labels) in enumerate(KINDS):
        small.load(slot, make_artifact(tiny, tier, labels=labels, seed=slot))
    rows = _rows(resident, [0, 1, 2, 3, 4, 5, 6] * 4)

    found, exact = small.forward(rows), resident.forward(rows)

    assert _close(found, exact, 0.1)
    assert not _close(found, exact, 1e-5)  # else nothing ran in 8 bits


def test_a_model_alone_gets_a_copy_with_its_adapter_and_loses_it_with_its_slot(
    tiny: BaseDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "AFTER_TOKENS", 50)
    made = Resident.open(tiny, slots=2)
    made.load(0, make_artifact(tiny, "lora"))
    made.load(1, make_artifact(tiny, "lora", seed=9))
    rows = _rows(made, [0] * 8)
    before = made.forward(rows)
    copies = made._lanes.plain.merged

    assert copies._thread.submit(lambda: list(copies._copies)).result() == [0]
    assert _close(made.forward(rows), before, 1e-5)
    other = made.forward([TokenRow(row.ids, 1) for row in rows])
    made.load(0, make_artifact(tiny, "lora", seed=9))
    assert _close(made.forward(rows), other, 1e-5)
    assert not _close(other, before, 1e-5)


def test_slots_are_used_within_their_memory(
    tiny: BaseDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "FEWEST", 1)
    made = Resident.open(tiny, slots=4)
    table = SlotTable(
        made,
        lambda key: make_artifact(tiny, "lora", seed=int(key)),
        adapter_room=2 * made.slot_bytes(),
    )

    for key in ("1", "2", "3"):
        table.ensure(key)

    assert [key for key in ("1", "2", "3") if table.peek(key) is not None] == ["2", "3"]
