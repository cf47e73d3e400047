"""Bases of other layouts from a local directory, against stock transformers; taking them in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.add import base_add
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.locate import BaseDirectory, base_at, file_sha256, locate_base
from mlworker.engine.contracts import EngineError
from mlworker.engine.data.packing import pack_rows
from mlworker.engine.export import export_adapter, export_merged
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import write_run

SIZES = {
    "vocab_size": 30522,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
Make = Callable[[], PreTrainedModel]
MODELS: dict[str, Make] = {
    "bert": lambda: BertModel(BertConfig(**SIZES, max_position_embeddings=80)),
    "bert-for-masked-words": lambda: BertForMaskedLM(
        BertConfig(**SIZES, max_position_embeddings=80)
    ),
    "roberta": lambda: RobertaModel(
        RobertaConfig(**SIZES, max_position_embeddings=82, type_vocab_size=1, pad_token_id=1)
    ),
    "xlm-roberta": lambda: XLMRobertaModel(
        XLMRobertaConfig(**SIZES, max_position_embeddings=82, type_vocab_size=1, pad_token_id=1)
    ),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(
            vocab_size=30522,
            dim=32,
            n_layers=2,
            n_heads=4,
            hidden_dim=64,
            max_position_embeddings=80,
        )
    ),
}


@pytest.fixture(params=sorted(MODELS))
def stock(
    request: pytest.FixtureRequest, tmp_path: Path, minilm: BaseDirectory
) -> tuple[PreTrainedModel, BaseDirectory]:
    """A tiny random model of a layout, saved by transformers, with MiniLM's tokenizer."""
    torch.manual_seed(3)
    model = MODELS[request.param]().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    folder = tmp_path / "stock"
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((minilm.directory / name).read_bytes())
    return model, base_at("stock", folder, file_sha256(folder / "model.safetensors"))


def _rows() -> list[list[int]]:
    chance = torch.Generator().manual_seed(5)
    lengths = (3, 17, 80, 9, 41)
    return [torch.randint(5, 30522, (length,), generator=chance).tolist() for length in lengths]


def test_every_layout_computes_what_stock_transformers_does(
    stock: tuple[PreTrainedModel, BaseDirectory],
) -> None:
    model, base = stock
    rows = _rows()
    bert = Bert.load(base)
    trunk = getattr(model, "bert", model)
    packed = pack_rows(rows)
    with torch.inference_mode():
        ours = bert(packed, first_tokens=True)[packed.inverse]
        theirs = torch.cat([trunk(torch.tensor([row])).last_hidden_state[:, 0] for row in rows])
    assert bert.config.max_position_embeddings == 80
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
def test_a_model_of_every_layout_trains_and_exports_with_equal_answers(
    tier: str, stock: tuple[PreTrainedModel, BaseDirectory], tmp_path: Path
) -> None:
    _, base = stock
    folder = tmp_path / "run"
    config = {} if tier == "head" else {"epochs": 2}
    spec = write_run(folder, base, tier, rows=40, config=config)
    run = Run(folder, spec, LocalLink())
    run.execute()
    artifact = load_artifact(folder / "artifact")
    exported = export_merged(artifact, base, tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(exported)
    stock_model = BertForSequenceClassification.from_pretrained(exported).eval()
    lines = (folder / "test.jsonl").read_text().splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    with torch.inference_mode():
        theirs = torch.cat(
            [stock_model(**tokenizer(text, return_tensors="pt")).logits for text in texts]
        )
    assert run.test_logits is not None
    torch.testing.assert_close(run.test_logits, theirs, atol=2e-4, rtol=1e-3)


def test_an_adapter_of_another_layout_points_to_the_merged_export(
    tmp_path: Path, minilm: BaseDirectory
) -> None:
    base = stock_save(MODELS["roberta"](), tmp_path / "base", minilm)
    spec = write_run(tmp_path / "run", base, "lora", rows=40, config={"epochs": 1})
    Run(tmp_path / "run", spec, LocalLink()).execute()
    artifact = load_artifact(tmp_path / "run" / "artifact")
    with pytest.raises(ValueError, match="merged model"):
        export_adapter(artifact, base, tmp_path / "out")


def stock_save(model: PreTrainedModel, folder: Path, minilm: BaseDirectory) -> BaseDirectory:
    """A base as transformers saves it, with MiniLM's tokenizer."""
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((minilm.directory / name).read_bytes())
    return base_at("stock", folder, file_sha256(folder / "model.safetensors"))


@pytest.fixture
def bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANNEAL_BASES", str(tmp_path / "bases"))
    return tmp_path / "bases"


def test_the_first_berts_names_of_norms_are_understood(
    tmp_path: Path, minilm: BaseDirectory
) -> None:
    base = stock_save(MODELS["bert"](), tmp_path, minilm)
    path = base.directory / "model.safetensors"
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in load_file(path).items()
    }
    expected = Bert.load(base).state_dict()
    save_file(old, path)
    found = Bert.load(base).state_dict()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_an_added_base_is_found_by_its_name(
    bases: Path, tmp_path: Path, minilm: BaseDirectory
) -> None:
    with pytest.raises(EngineError, match="base_add roberta-base"):
        locate_base("roberta-base")
    source = stock_save(MODELS["roberta"](), tmp_path / "source", minilm)
    (source.directory / "modeling_evil.py").write_text("raise SystemExit")
    added = base_add("roberta-base", source.directory)
    assert locate_base("roberta-base") == added
    assert not list(bases.rglob("*.py"))
    with pytest.raises(EngineError, match="remove it"):
        base_add("roberta-base", source.directory)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "deberta-v2"}, "supported: bert, roberta, xlm-roberta, distilbert"),
        ({"auto_map": {"AutoModel": "evil.Model"}}, "auto_map"),
        ({"hidden_act": "relu"}, "hidden_act"),
        ({"vocab_size": 1000}, "words"),
        ({"pad_token_id": 79}, "pad_token_id"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    change: dict[str, Any], said: str, bases: Path, tmp_path: Path, minilm: BaseDirectory
) -> None:
    source = stock_save(MODELS["roberta"](), tmp_path / "source", minilm).directory
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(EngineError, match=said):
        base_add("x", source)
    assert not bases.exists() or not list(bases.iterdir())


def test_a_name_is_no_way_out_of_the_folder(bases: Path) -> None:
    for name in ("../x", "x/../../y", "", ".hidden", "a" * 64):
        with pytest.raises(EngineError, match="not on this installation"):
            locate_base(name)
