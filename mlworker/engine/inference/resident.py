"""One base model in memory and the models that stand on it, each in a slot."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from mlworker.engine.adapters.lora import module_keys
from mlworker.engine.artifact import Artifact, check_shapes
from mlworker.engine.base.bert import Bert, mean_pool
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.data.packing import PackedRows, pack_rows
from mlworker.engine.device import keep_freed_memory
from mlworker.engine.heads import Pooling, mean_feature
from mlworker.engine.inference.rows import TokenRow
from mlworker.engine.inference.slab import Slab, SlabRunner
from mlworker.engine.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True)
class _Head:
    """What a slot holds beside its adapter: weight [C, H], bias [C], float32."""

    labels: tuple[str, ...]
    max_length: int
    pooling: Pooling
    weight: Tensor
    bias: Tensor


class Resident:
    """A base and `slots` models on it. `forward` runs in one thread, `load` in another."""

    def __init__(
        self, base: BaseDirectory, bert: Bert, tokenizer: TextTokenizer, slots: int
    ) -> None:
        self.base, self.tokenizer = base, tokenizer
        self._bert = bert
        self._config = bert.config
        weight = bert.words.weight
        self._device, self._dtype = str(weight.device), weight.dtype
        self._slab = Slab.empty(bert.config, slots, self._dtype, self._device)
        self._heads: list[_Head | None] = [None] * slots
        self._loading = threading.Lock()

    @classmethod
    def open(
        cls, base: BaseDirectory, *, slots: int = 64, dtype: str = "float32", device: str = "cpu"
    ) -> Self:
        """Load a base for serving. EngineError when its files are missing or odd."""
        keep_freed_memory()
        numbers = torch.bfloat16 if dtype == "bfloat16" else torch.float32
        bert = Bert.load(base, dtype=numbers, device=device)
        return cls(base, bert, TextTokenizer.load(base.directory), slots)

    @property
    def slots(self) -> int:
        """How many models fit."""
        return len(self._heads)

    def load(self, slot: int, artifact: Artifact) -> None:
        """Put a model into a slot no batch uses. EngineError(artifact_corrupt) when it misfits."""
        manifest = artifact.manifest
        if manifest.base_sha256 != self.base.weights_sha256:
            raise EngineError(
                ErrorCode.ARTIFACT_CORRUPT,
                f"The model stands on the base {manifest.base_id}, not on {self.base.id}.",
            )
        check_shapes(artifact, dict(module_keys(self._config)), self._config.hidden_size)
        head = _Head(
            labels=manifest.labels,
            max_length=manifest.max_length,
            pooling=Pooling(manifest.pooling, manifest.layers),
            weight=artifact.tensors["head.weight"].to(self._device),
            bias=artifact.tensors["head.bias"].to(self._device),
        )
        with self._loading, torch.inference_mode():
            if manifest.lora is None:
                self._slab.clear(slot)
            else:
                rank = manifest.lora.rank
                if rank > self._slab.rank:
                    self._slab = self._slab.grown(self._config, rank)
                self._slab.put(slot, artifact.tensors, rank, manifest.lora.alpha / rank)
            self._heads[slot] = head

    def unload(self, slot: int) -> None:
        """Forget a slot's model."""
        self._heads[slot] = None

    def labels(self, slot: int) -> tuple[str, ...]:
        """The labels of a slot's model, in the order of its probabilities."""
        return self._head(slot).labels

    def max_length(self, slot: int) -> int:
        """How many tokens of a text a slot's model reads."""
        return self._head(slot).max_length

    @torch.inference_mode()
    def forward(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        """Probabilities of each row by its own slot's model, in the caller's order.

        Rows of different models share the batch; what a row gets does not depend on the others.
        """
        answers: list[list[float]] = [[] for _ in rows]
        pooled = [self._head(row.slot).pooling.kind == "cls" for row in rows]
        for kind, vectors in ((True, self._first_tokens), (False, self._means)):
            places = [place for place, is_cls in enumerate(pooled) if is_cls is kind]
            if places:
                chosen = [rows[place] for place in places]
                for place, answer in zip(
                    places, self._classify(chosen, vectors(chosen)), strict=True
                ):
                    answers[place] = answer
        return answers

    @torch.inference_mode()
    def embed(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        """Mean of the base's last states, of length 1, in the caller's order; slots are ignored."""
        packed = self._pack(rows)
        means = F.normalize(mean_pool(self._bert(packed), packed), dim=1)
        found: list[list[float]] = means.index_select(0, packed.inverse).tolist()
        return found

    def _head(self, slot: int) -> _Head:
        head = self._heads[slot]
        if head is None:
            raise LookupError(f"slot {slot} is empty")
        return head

    def _pack(self, rows: Sequence[TokenRow]) -> PackedRows:
        return pack_rows([row.ids for row in rows], self._device)

    def _first_tokens(self, rows: Sequence[TokenRow]) -> Tensor:
        """Pooled first tokens through base and adapters, float32 [R, H] in the caller's order."""
        packed = self._pack(rows)
        slots = [rows[place].slot for place in packed.order]
        runner = SlabRunner(
            slab=self._slab,
            slots=torch.tensor(slots, device=self._device),
            only=slots[0] if len(set(slots)) == 1 else None,
        )
        first = self._bert(packed, run=runner, first_tokens=True)
        pooled = runner.pool(self._bert.pooler, first).float()
        return pooled.index_select(0, packed.inverse)

    def _means(self, rows: Sequence[TokenRow]) -> Tensor:
        """Features of the frozen base, each row's after its own head's block, float32 [R, H]."""
        packed = self._pack(rows)
        depths = [self._head(row.slot).pooling.layers for row in rows]
        layers = sorted(set(depths))
        states = self._bert.states(packed, layers)
        eps = self._config.layer_norm_eps
        features = [
            mean_feature(state, packed, eps).index_select(0, packed.inverse) for state in states
        ]
        if len(features) == 1:
            return features[0]
        return torch.stack(
            [features[layers.index(depth)][place] for place, depth in enumerate(depths)]
        )

    def _classify(self, rows: Sequence[TokenRow], vectors: Tensor) -> list[list[float]]:
        """Softmax of each row's own head, model by model; vectors [R, H]."""
        answers: list[list[float]] = [[] for _ in rows]
        by_slot: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            by_slot.setdefault(row.slot, []).append(place)
        for slot, places in by_slot.items():
            head = self._head(slot)
            chosen = vectors if len(places) == len(rows) else vectors[places]
            shares = F.linear(chosen, head.weight, head.bias).softmax(dim=-1).tolist()
            for place, share in zip(places, shares, strict=True):
                answers[place] = share
        return answers
