"""Model versions on disk: whole, or refused; and what stock libraries make of them."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from mlworker.engine.adapters.full import full_shapes
from mlworker.engine.adapters.lora import module_keys
from mlworker.engine.artifact import Artifact, load_artifact, save_artifact
from mlworker.engine.artifact_manifest import (
    ArtifactManifest,
    FullEntry,
    LoraEntry,
    pack,
    read_manifest,
    unpack,
)
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError
from mlworker.engine.durable import check_folder
from mlworker.engine.export import export_adapter, export_merged
from mlworker.engine.inference import Resident, TokenRow
from tests.unit.engine.conftest import sentences

SHIPPED = Path(__file__).resolve().parents[3] / "mlworker/catalog/shipped/sentiment-en"
LORA = LoraEntry(4, 8.0)
FULL = FullEntry(0, embeddings=False)
TEXTS = [row["text"] for row in sentences(7)] + ["", "你好 — émigré \ud800"]


def lora_tensors(
    config: BertConfig, lora: LoraEntry, chance: torch.Generator, *, pooler: bool
) -> dict[str, Tensor]:
    """Random adapters of the right shapes."""
    tensors, rank = {}, lora.rank
    for key, (width, out, parts) in module_keys(
        config, lora.targets, lora.first_block, pooler=pooler
    ):
        tensors[f"lora.{key}.a"] = torch.randn(parts * rank, width, generator=chance) * 0.05
        tensors[f"lora.{key}.b"] = torch.randn(parts, out, rank, generator=chance) * 0.05
        if lora.targets == "query_value" and parts > 1:
            tensors[f"lora.{key}.b"][1] = 0
    return tensors


def make_artifact(
    base: BaseDirectory,
    tier: str,
    *,
    task: str = "text_classification",
    labels: tuple[str, ...] = ("a", "b", "c"),
    seed: int = 0,
    lora: LoraEntry = LORA,
    full: FullEntry = FULL,
    logits: float = 1.0,
) -> Artifact:
    """Random weights of the right shapes, large enough to matter; the head's by ``logits``."""
    config = BertConfig.read(base.directory / "config.json")
    chance = torch.Generator().manual_seed(seed)
    tensors = {
        "head.weight": torch.randn(len(labels), config.hidden_size, generator=chance) * logits,
        "head.bias": torch.randn(len(labels), generator=chance),
    }
    tokens = task == "token_classification"
    if tier == "head" and not tokens:
        tensors["pool.query"] = torch.randn(
            config.num_attention_heads, config.hidden_size, generator=chance
        )
    if tier == "lora":
        tensors |= lora_tensors(config, lora, chance, pooler=not tokens)
    if tier == "full":
        own = Bert.load(base).state_dict()
        for name in full_shapes(config, full):
            value = own[name.removeprefix("full.")]
            tensors[name] = value + torch.randn(value.shape, generator=chance) * 0.02
    manifest = ArtifactManifest(
        task=task,
        tier=tier,
        labels=labels,
        base_id=base.id,
        base_sha256=base.weights_sha256,
        max_length=64,
        pooling="token" if tokens else "attention" if tier == "head" else "cls",
        layers=1 if tier == "head" else config.num_hidden_layers,
        lora=lora if tier == "lora" else None,
        full=full if tier == "full" else None,
        config={"seed": 0},
        metrics={"test": None},
    )
    return Artifact(manifest, tensors)


def _saved(base: BaseDirectory, tier: str, folder: Path) -> Path:
    artifact = make_artifact(base, tier)
    save_artifact(folder, artifact.manifest, artifact.tensors)
    return folder


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
def test_an_artifact_survives_disk_and_package(
    tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    folder = _saved(tiny, tier, tmp_path / "artifact")

    copy = unpack(pack(folder), tmp_path / "copy")

    first, second = load_artifact(folder), load_artifact(copy)
    assert first.manifest == second.manifest == make_artifact(tiny, tier).manifest
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)
    assert pack(folder) == pack(copy)


def _rewrite(folder: Path, **tensors: Tensor | None) -> None:
    """Change tensors and give the folder a manifest that fits them."""
    manifest = read_manifest(folder)
    now = {name.replace("__", "."): value for name, value in tensors.items()}
    kept = {
        k: v for k, v in (load_file(folder / "weights.safetensors") | now).items() if v is not None
    }
    save_artifact(folder, manifest, kept)


def _flip_bit(folder: Path) -> None:
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)


def _edit(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


@pytest.mark.parametrize(
    "damage",
    [
        _flip_bit,
        _edit(labels=["a", "b"]),
        _edit(labels=["a", "a", "b"]),
        _edit(labels=[1, 2, 3]),
        _edit(max_length=10**9),
        _edit(tier="magic"),
        _edit(lora=None),
        _edit(lora={"rank": 4, "alpha": 8.0, "targets": "everything"}),
        _edit(full={"first_block": 0, "embeddings": False}),
        _edit(tier="full"),
        _edit(pooling={"kind": "max", "layers": 1}),
        _edit(format=2),
        _edit(files={}),
        lambda folder: _rewrite(folder, head__weight=torch.full((3, 32), torch.nan)),
        lambda folder: _rewrite(folder, head__bias=None),
        lambda folder: _rewrite(folder, head__bias=torch.zeros(2)),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "weights.safetensors").unlink(),
        lambda folder: (folder / "evil.py").write_text("boom"),
    ],
)
def test_a_tampered_artifact_is_refused(
    damage: Callable[[Path], None], tiny: BaseDirectory, tmp_path: Path
) -> None:
    folder = _saved(tiny, "lora", tmp_path / "artifact")

    damage(folder)

    with pytest.raises(EngineError) as caught:
        load_artifact(folder)
    assert caught.value.code == "artifact_corrupt"


def _tar(*entries: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    return stream.getvalue()


def _entry(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc/passwd"
    return entry


@pytest.mark.parametrize(
    "data",
    [
        b"not a tar",
        _tar(),
        _tar(_entry("../manifest.json"), _entry("weights.safetensors")),
        _tar(_entry("manifest.json", tarfile.SYMTYPE), _entry("weights.safetensors")),
        _tar(_entry("manifest.json"), _entry("weights.safetensors"), _entry("more")),
    ],
)
def test_a_strange_package_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        unpack(data, tmp_path / "in")
    assert caught.value.code == "artifact_corrupt"
    assert not list((tmp_path / "in").iterdir())


def _ours(base: BaseDirectory, artifact: Artifact, texts: list[str]) -> Tensor:
    resident = Resident.open(base, slots=1)
    resident.load(0, artifact)
    encoded = resident.tokenizer.encode(texts, 64)
    return torch.tensor(resident.forward([TokenRow(item.ids, 0) for item in encoded]))


def _stock(folder: Path, model: torch.nn.Module, texts: list[str]) -> Tensor:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    clean = [text.replace("\ud800", "\ufffd") for text in texts]
    batch = tokenizer(clean, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        return model(**batch).logits.softmax(dim=-1)


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
def test_a_merged_export_equals_us_in_stock_transformers(
    tier: str, minilm: BaseDirectory, tmp_path: Path
) -> None:
    artifact = make_artifact(minilm, tier)

    folder = export_merged(artifact, minilm, tmp_path / "hf")

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert list(model.config.id2label.values()) == ["a", "b", "c"]
    torch.testing.assert_close(
        _stock(folder, model, TEXTS), _ours(minilm, artifact, TEXTS), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    "entry", [FullEntry(4, embeddings=False), FullEntry(6, embeddings=False), FullEntry(0, True)]
)
def test_partly_frozen_weights_export_as_they_answer(
    entry: FullEntry, minilm: BaseDirectory, tmp_path: Path
) -> None:
    artifact = make_artifact(minilm, "full", full=entry)

    folder = export_merged(artifact, minilm, tmp_path / "hf")

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    torch.testing.assert_close(
        _stock(folder, model, TEXTS), _ours(minilm, artifact, TEXTS), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    "entry",
    [
        LoraEntry(4, 8.0),
        LoraEntry(4, 8.0, "attention", 3),
        LoraEntry(4, 8.0, "query_value", 0),
        LoraEntry(4, 8.0, "feed_forward", 1),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_exported_adapter_equals_us_in_stock_peft(
    entry: LoraEntry, minilm: BaseDirectory, tmp_path: Path
) -> None:
    artifact = make_artifact(minilm, "lora", lora=entry)

    folder = export_adapter(artifact, minilm, tmp_path / "peft")

    base = AutoModelForSequenceClassification.from_pretrained(minilm.directory, num_labels=3)
    model = PeftModel.from_pretrained(base, folder).eval()
    torch.testing.assert_close(
        _stock(folder, model, TEXTS), _ours(minilm, artifact, TEXTS), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("tier", ["head", "full"])
def test_other_tiers_have_no_adapter_to_export(
    tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"{tier} has no adapter.*merged"):
        export_adapter(make_artifact(tiny, tier), tiny, tmp_path)


def test_a_full_model_without_one_of_its_weights_is_not_served(tiny: BaseDirectory) -> None:
    made = make_artifact(tiny, "full")
    tensors = {name: value for name, value in made.tensors.items() if "layers.1.qkv" not in name}
    with pytest.raises(EngineError, match="do not fit"):
        Resident.open(tiny, slots=1).load(0, Artifact(made.manifest, tensors))


def test_a_model_of_another_base_is_not_served(tiny: BaseDirectory) -> None:
    made = make_artifact(tiny, "lora")
    strange = Artifact(replace(made.manifest, base_sha256="0" * 64), made.tensors)
    with pytest.raises(EngineError, match="another base"):
        Resident.open(tiny, slots=1).load(0, strange)


def test_weights_of_another_width_are_not_served(tiny: BaseDirectory) -> None:
    made = make_artifact(tiny, "lora")
    tensors = dict(made.tensors) | {"lora.pooler.a": torch.zeros(4, 31)}
    with pytest.raises(EngineError, match="do not fit"):
        Resident.open(tiny, slots=1).load(0, Artifact(made.manifest, tensors))


def test_a_model_from_before_the_queries_still_takes_the_mean(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    made = make_artifact(tiny, "head")
    heads = BertConfig.read(tiny.directory / "config.json").num_attention_heads
    zeros = dict(made.tensors) | {"pool.query": torch.zeros(heads, 32)}
    old = {name: value for name, value in made.tensors.items() if name != "pool.query"}
    folder = tmp_path / "old"
    save_artifact(folder, replace(made.manifest, pooling="mean"), old)  # type: ignore[arg-type]

    found = _ours(tiny, load_artifact(folder), TEXTS)

    torch.testing.assert_close(found, _ours(tiny, Artifact(made.manifest, zeros), TEXTS))


def test_a_pickle_in_place_of_weights_is_refused(tiny: BaseDirectory, tmp_path: Path) -> None:
    folder = _saved(tiny, "head", tmp_path / "artifact")
    manifest = read_manifest(folder)
    save_artifact(folder, manifest, load_file(folder / "weights.safetensors"))
    torch.save({"head.weight": torch.zeros(3, 32)}, folder / "weights.safetensors")
    with pytest.raises(EngineError):
        load_artifact(folder)


def test_the_shipped_model_knows_good_from_bad(minilm: BaseDirectory) -> None:
    artifact = load_artifact(SHIPPED)
    texts = ["A wonderful, touching film.", "Dull, lifeless and far too long.", "Works great!"]

    found = _ours(minilm, artifact, texts).argmax(dim=1).tolist()

    assert artifact.manifest.labels == ("negative", "positive")
    assert found == [1, 0, 1]


def test_the_shipped_model_is_small_whole_and_attributed() -> None:
    check_folder(SHIPPED, "artifact_corrupt")
    size = sum(path.stat().st_size for path in SHIPPED.iterdir())
    card = (SHIPPED / "README.md").read_text()
    assert size < 4_000_000
    assert all(
        word in card for word in ("CC BY 4.0", "Bo Pang", "Bing Liu", "Apache-2.0", "95 % CI")
    )
