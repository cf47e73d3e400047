"""Case `many_tenants.adapters`: 64 rows of 64 adapters / the same batch on one merged model.

Beside it stock `peft` with the same adapters and its `adapter_names`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from mlworker.engine.adapters.lora import module_keys
from mlworker.engine.artifact import Artifact
from mlworker.engine.artifact_manifest import ArtifactManifest, LoraEntry
from mlworker.engine.base.locate import BaseDirectory, locate_base
from mlworker.engine.bench.raw import raw_model
from mlworker.engine.bench.samples import BASE
from mlworker.engine.contracts import Json
from mlworker.engine.device import keep_freed_memory
from mlworker.engine.export import export_adapter
from mlworker.engine.inference import Resident, TokenRow

TARGET = 0.92
ADAPTERS = 64
RANK = 8
_SAME = 1e-5
"""How far a row's probability may be from its lone one."""
_SAME_AS_PEFT = 1e-4
_MAX_LENGTH = 128
_PEFT_BATCHES = 2

Batches = Sequence[Sequence[Sequence[int]]]


def adapters_case(texts: Sequence[str], *, threads: int, rounds: int = 7) -> dict[str, Json]:
    """One JSON line of the bench. `texts` become sorted batches, a row for each adapter."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    base = locate_base(BASE)
    resident = Resident.open(base, slots=ADAPTERS)
    artifacts = [random_adapter(resident, seed) for seed in range(ADAPTERS)]
    for slot, artifact in enumerate(artifacts):
        resident.load(slot, artifact)
    encoded = resident.tokenizer.encode(texts, _MAX_LENGTH)
    ordered = sorted((row.ids for row in encoded), key=len)
    batches = [ordered[start : start + ADAPTERS] for start in range(0, len(ordered), ADAPTERS)]
    mixed = [[TokenRow(ids, slot) for slot, ids in enumerate(batch)] for batch in batches]
    alone = max(_far(resident.forward(rows), _lone(resident, rows)) for rows in mixed[:2])
    if alone > _SAME:
        raise RuntimeError(f"a row in company differs by {alone} from its lone result")
    run = raw_model(resident.bert, artifacts[0])
    arms = {
        "merged": lambda: [run(batch).tolist() for batch in batches],
        "mixed": lambda: [resident.forward(rows) for rows in mixed],
    }
    seconds = _interleaved(arms, rounds)
    ratios = [one / two for one, two in zip(seconds["merged"], seconds["mixed"], strict=True)]
    peft = _peft(base, artifacts, batches[:: max(1, len(batches) // _PEFT_BATCHES)], resident)
    value = statistics.median(ratios)
    return {
        "bar": "many_tenants.adapters",
        "value": value,
        "target": TARGET,
        "ok": value >= TARGET,
        "detail": {
            "merged_rows_per_second": len(ordered) / statistics.median(seconds["merged"]),
            "mixed_rows_per_second": len(ordered) / statistics.median(seconds["mixed"]),
            "best_of_each": min(seconds["merged"]) / min(seconds["mixed"]),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "adapters": ADAPTERS,
            "rank": RANK,
            "rows": len(ordered),
            "tokens": sum(map(len, ordered)),
            "largest_difference_to_alone": alone,
            "threads": threads,
            **peft,
        },
    }


def random_adapter(resident: Resident, seed: int) -> Artifact:
    """An adapter on every layer, of random weights large enough to change answers."""
    chance = torch.Generator().manual_seed(seed)
    hidden = resident.bert.config.hidden_size
    tensors = {
        "head.weight": torch.randn(2, hidden, generator=chance) * 0.1,
        "head.bias": torch.zeros(2),
    }
    for key, (width, out, parts) in module_keys(resident.bert.config):
        tensors[f"lora.{key}.a"] = torch.randn(parts * RANK, width, generator=chance) * 0.02
        tensors[f"lora.{key}.b"] = torch.randn(parts, out, RANK, generator=chance) * 0.02
    manifest = ArtifactManifest(
        task="text_classification",
        tier="lora",
        labels=("negative", "positive"),
        base_id=resident.base.id,
        base_sha256=resident.base.weights_sha256,
        max_length=_MAX_LENGTH,
        pooling="cls",
        layers=resident.bert.config.num_hidden_layers,
        lora=LoraEntry(RANK, 2.0 * RANK),
        config={},
        metrics={},
    )
    return Artifact(manifest, tensors)


def _interleaved(arms: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each arm, by turns, so that what a busy machine adds it adds to all."""
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for name, arm in arms.items():
                since = time.perf_counter()
                arm()
                if number:  # the first round warms up
                    seconds[name].append(time.perf_counter() - since)
    return seconds


def _lone(resident: Resident, rows: Sequence[TokenRow]) -> list[list[float]]:
    return [resident.forward([row])[0] for row in rows]


def _far(found: Sequence[Sequence[float]], expected: Sequence[Sequence[float]]) -> float:
    pairs = zip(found, expected, strict=True)
    return max(abs(a - b) for one, two in pairs for a, b in zip(one, two, strict=True))


def _peft(
    base: BaseDirectory, artifacts: Sequence[Artifact], batches: Batches, resident: Resident
) -> dict[str, Json]:
    """The same rows by stock `peft`, padded, each with its adapter's name; equal answers first."""
    from peft import PeftModel  # noqa: PLC0415 # the comparator alone needs it
    from transformers import AutoModelForSequenceClassification  # noqa: PLC0415 # same

    names = [f"tenant{slot}" for slot in range(len(artifacts))]
    with tempfile.TemporaryDirectory() as scratch:
        folders = [
            export_adapter(artifact, base, Path(scratch) / name)
            for artifact, name in zip(artifacts, names, strict=True)
        ]
        plain = AutoModelForSequenceClassification.from_pretrained(base.directory, num_labels=2)
        model = PeftModel.from_pretrained(plain, folders[0], adapter_name=names[0])
        for name, folder in zip(names[1:], folders[1:], strict=True):
            model.load_adapter(folder, adapter_name=name)
        model.eval()
    padded = [_padded(batch) for batch in batches]

    def answer(place: int) -> torch.Tensor:
        used = names[: len(batches[place])]
        logits: torch.Tensor = model(**padded[place], adapter_names=used).logits
        return logits.softmax(dim=-1)

    with torch.inference_mode():
        far = 0.0
        for place, batch in enumerate(batches):
            ours = resident.forward([TokenRow(ids, slot) for slot, ids in enumerate(batch)])
            far = max(far, _far(answer(place).tolist(), ours))
        if far > _SAME_AS_PEFT:
            raise RuntimeError(f"peft's answers differ from ours by {far}")
        since = time.perf_counter()
        for place in range(len(batches)):
            answer(place)
        seconds = time.perf_counter() - since
    return {
        "peft_rows_per_second": sum(map(len, batches)) / seconds,
        "largest_difference_to_peft": far,
    }


def _padded(batch: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    width = max(map(len, batch))
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, each in enumerate(batch):
        ids[row, : len(each)] = torch.tensor(each)
        mask[row, : len(each)] = 1
    return {"input_ids": ids, "attention_mask": mask}
