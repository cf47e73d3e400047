"""The encoder against stock transformers, and what a base folder may not contain."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from mlworker.engine.base.bert import Bert, mean_pool
from mlworker.engine.base.locate import BaseDirectory, base_at, locate_base, verify_base
from mlworker.engine.contracts import EngineError
from mlworker.engine.data.packing import COARSE, EXACT, Grain, pack_rows
from mlworker.engine.tokenizer import TextTokenizer
from tests.unit.engine.conftest import sentences


def _rows(base: BaseDirectory, count: int = 9) -> list[list[int]]:
    texts = [row["text"] for row in sentences(count)] + ["", "one", "word " * 60]
    encoded = TextTokenizer.load(base.directory).encode(texts, 64)
    return [item.ids for item in encoded]


@pytest.mark.parametrize("name", ["tiny", "minilm"])
@pytest.mark.parametrize("grain", [EXACT, COARSE])
def test_hidden_states_equal_stock_transformers(
    name: str, grain: Grain, request: pytest.FixtureRequest
) -> None:
    base: BaseDirectory = request.getfixturevalue(name)
    rows = _rows(base)
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    stock = BertModel.from_pretrained(base.directory).eval()
    bert = Bert.load(base)
    packed = pack_rows(rows, grain=grain)

    with torch.inference_mode():
        theirs = stock(input_ids=ids, attention_mask=mask).last_hidden_state
        first = bert(packed, first_tokens=True)[packed.inverse]
        mean = mean_pool(bert(packed), packed)[packed.inverse]
        states = bert.states(packed, (1, bert.config.num_hidden_layers))

    expected = (theirs * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    torch.testing.assert_close(first, theirs[:, 0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mean, expected, atol=1e-5, rtol=1e-4)
    assert [len(state) for state in states] == [sum(map(len, rows))] * 2


def test_a_row_reads_the_same_alone_and_in_company(tiny: BaseDirectory) -> None:
    rows = _rows(tiny, 30)
    bert = Bert.load(tiny)

    with torch.inference_mode():
        packed = pack_rows(rows)
        together = bert(packed, first_tokens=True)[packed.inverse]
        alone = torch.cat([bert(pack_rows([row]), first_tokens=True) for row in rows])

    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)


def test_gradients_take_another_road_to_the_same_numbers(tiny: BaseDirectory) -> None:
    bert = Bert.load(tiny)
    packed = pack_rows(_rows(tiny))
    with torch.inference_mode():
        expected = bert(packed).clone()

    bert.words.weight.requires_grad_(True)
    found = bert(packed)

    assert found.requires_grad
    torch.testing.assert_close(found.detach(), expected, atol=1e-5, rtol=1e-4)


def test_the_shipped_base_has_the_hash_it_was_pinned_to(minilm: BaseDirectory) -> None:
    verify_base(minilm)


def test_changed_weights_are_refused(tiny: BaseDirectory, tmp_path: Path) -> None:
    copy = tmp_path / "base"
    shutil.copytree(tiny.directory, copy)
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)

    with pytest.raises(EngineError, match="Install the base again") as caught:
        verify_base(base_at("tiny", copy, tiny.weights_sha256))

    assert caught.value.code == "base_corrupt"


def test_an_unknown_base_is_missing() -> None:
    with pytest.raises(EngineError, match="The base model 'nothing' is not on") as caught:
        locate_base("nothing")
    assert caught.value.code == "base_missing"


def test_a_folder_without_weights_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not exist") as caught:
        base_at("x", tmp_path, "0" * 64)
    assert caught.value.code == "base_missing"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"auto_map": {"AutoModel": "evil.Model"}}, "auto_map"),
        ({"model_type": "llama"}, "model_type"),
        ({"hidden_size": 33}, "multiple"),
        ({"hidden_size": 10**9}, "hidden_size"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"layer_norm_eps": "1"}, "layer_norm_eps"),
        ({"num_hidden_layers": 3}, "lacks"),
    ],
)
def test_a_config_outside_the_allowed_keys_is_refused(
    change: dict[str, object], word: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    copy = tmp_path / "base"
    shutil.copytree(tiny.directory, copy)
    config = json.loads((copy / "config.json").read_text()) | change
    (copy / "config.json").write_text(json.dumps(config))

    with pytest.raises(EngineError, match=word) as caught:
        Bert.load(base_at("tiny", copy, tiny.weights_sha256))

    assert caught.value.code == "base_corrupt"


def test_a_pickle_is_never_opened(tiny: BaseDirectory, tmp_path: Path) -> None:
    copy = tmp_path / "base"
    shutil.copytree(tiny.directory, copy)
    torch.save({"a": torch.zeros(1)}, copy / "model.safetensors")

    with pytest.raises(EngineError, match="cannot be read"):
        Bert.load(base_at("tiny", copy, tiny.weights_sha256))
