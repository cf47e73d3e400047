"""A base in memory with a slot for each model that it answers for.

`forward` takes rows of any models together. A row's result does not depend on its neighbours
beyond rounding: |dp| < 1e-5 in float32.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mlworker.engine.adapters.full import bert_with, full_bytes
from mlworker.engine.artifact import Artifact, check_shapes
from mlworker.engine.artifact_manifest import ArtifactManifest
from mlworker.engine.base.bert import Bert, mean_pool
from mlworker.engine.base.int8 import int8_of
from mlworker.engine.base.locate import BaseDirectory, verify_base
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.data.batches import plan_batches
from mlworker.engine.data.cells import pack_cells
from mlworker.engine.data.packing import COARSE, EXACT, Grain, PackedRows, pack_rows
from mlworker.engine.device import pick_device, pick_dtype
from mlworker.engine.heads import attention_feature, query_of
from mlworker.engine.inference.merged import MergedModels
from mlworker.engine.inference.slab import Slab, SlabRunner, slot_bytes, slots_within
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Task
from mlworker.engine.tokenizer import TextTokenizer

TOKEN_BUDGET = 4096
MAX_ROWS = 256
_FIRST_RANK = 8
_Pack = Callable[[Sequence[Sequence[int]], torch.device, Grain], PackedRows]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One text: token ids with special tokens, and the slot of the model that shall answer."""

    ids: Sequence[int]
    slot: int


@dataclass(frozen=True, slots=True)
class _Model:
    """What a slot answers with, apart from its adapter in the slab."""

    task: Task
    labels: tuple[str, ...]
    max_length: int
    reads: str
    """What the head reads: cls, attention, token; `frozen token` where no adapter is below it."""
    layers: int
    weight: Tensor
    bias: Tensor
    query: Tensor
    """[A, H]; an attention head reads it."""
    bert: Bert | None
    """A model of tier full runs on weights of its own."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that fits this base, ready to be put into a slot."""

    artifact: Artifact
    model: _Model


class Resident:
    """One base and up to `slots` models. `load` may run in another thread than `forward`."""

    def __init__(self, base: BaseDirectory, bert: Bert, slots: int, *, int8: bool = False) -> None:
        self.base = base
        self.tokenizer = TextTokenizer.load(base.directory)
        self.slots = slots
        self._weights, self._int8 = bert, int8
        self.bert = self._ready(bert)
        # float32 products alone are no dearer for shapes that never came before
        exact = bert.pooler.weight.dtype == torch.float32 and not int8
        self._grain = EXACT if exact else COARSE
        self._slab = Slab(bert, slots, _FIRST_RANK)  # float32 beside 8 bits, too
        self._models: list[_Model | None] = [None] * slots
        self._merged = MergedModels(self._ready)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, base: BaseDirectory, *, slots: int = 64, dtype: str = "float32") -> Self:
        """Verify and load a base; `dtype` is float32, bfloat16, auto, or int8 on a processor."""
        verify_base(base)
        device = pick_device()
        if dtype == "int8":
            return cls(base, Bert.load(base), slots, int8=True)
        precision = {"float32": "fp32", "bfloat16": "bf16"}.get(dtype, dtype)
        bert = Bert.load(base, dtype=pick_dtype(precision, device), device=str(device))
        if device.type == "cuda":
            slots = slots_within(bert, slots, torch.cuda.mem_get_info()[0])
        return cls(base, bert, slots)

    def size(self, artifact: Artifact) -> int:
        """Bytes that a model takes beside the base and the slots; 0 unless it is of tier full."""
        return full_bytes(artifact, self.bert.dtype)

    def slot_bytes(self, rank: int = 0) -> int:
        """What each adapter takes once one of `rank` has come; the largest rank so far decides."""
        return slot_bytes(self._slab.bert, max(rank, self._slab.rank))

    def _used(self) -> list[int]:
        return [slot for slot, model in enumerate(self._models) if model is not None]

    def load(self, slot: int, artifact: Artifact) -> None:
        """Put a model into a slot that no running `forward` uses; raises what `prepare` does."""
        self.put(slot, self.prepare(artifact))

    def prepare(self, artifact: Artifact) -> Prepared:
        """Check a model and make it ready, which takes a while; other threads go on meanwhile.

        EngineError(artifact_corrupt) when it was made for another base or does not fit this one.
        """
        manifest = artifact.manifest
        if manifest.base_sha256 != self.base.weights_sha256:
            raise EngineError(
                ErrorCode.ARTIFACT_CORRUPT,
                f"The model was trained on another base than {self.base.id!r}.",
            )
        check_shapes(artifact, self.bert.config)
        depth = self.bert.config.num_hidden_layers
        if manifest.layers > depth or (_reads(manifest) == "token" and manifest.layers != depth):
            raise EngineError(ErrorCode.ARTIFACT_CORRUPT, "The model asks for missing layers.")
        device = self.bert.pooler.weight.device
        model = _Model(
            task=task_named(manifest.task),
            labels=manifest.labels,
            max_length=min(manifest.max_length, self.bert.config.max_position_embeddings),
            reads=_reads(manifest),
            layers=manifest.layers,
            weight=artifact.tensors["head.weight"].to(device),
            bias=artifact.tensors["head.bias"].to(device),
            query=query_of(artifact.tensors, self.bert.config).to(device),
            bert=None if manifest.full is None else self._own(artifact),
        )
        return Prepared(artifact, model)

    def _own(self, artifact: Artifact) -> Bert:
        """The encoder of a model of tier full, in this resident's number format."""
        return self._ready(bert_with(self._weights, artifact))

    def _ready(self, bert: Bert) -> Bert:
        return int8_of(bert) if self._int8 else bert

    def put(self, slot: int, prepared: Prepared) -> None:
        """Put a prepared model into a slot that no running `forward` uses."""
        lora = prepared.artifact.manifest.lora
        with self._lock, torch.inference_mode():
            self._merged.drop(slot)
            if lora is not None and lora.rank > self._slab.rank:
                self._slab = self._slab.with_rank(lora.rank, self._used())
            self._slab.put(slot, prepared.artifact)
            self._models[slot] = prepared.model
            self._merged.drop(slot)

    def unload(self, slot: int) -> None:
        """Empty a slot."""
        self._merged.drop(slot)
        self._models[slot] = None

    def labels(self, slot: int) -> tuple[str, ...]:
        """Labels of the model in a slot, in the order of its probabilities."""
        return self._model(slot).labels

    def max_length(self, slot: int) -> int:
        """How many tokens the model in a slot reads."""
        return self._model(slot).max_length

    def forward(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        """Each row's answer (`Task.answers`), in the rows' order, tokens after each other.

        Memory is bounded by TOKEN_BUDGET.
        """
        answers: list[list[float]] = [[] for _ in rows]
        groups: dict[tuple[str, int], list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            model = self._model(row.slot)
            groups[model.reads, -1 if model.bert is None else row.slot].append(index)
        with torch.inference_mode():
            for (reads, _), members in groups.items():
                lengths = [len(rows[index].ids) for index in members]
                for batch in plan_batches(lengths, token_budget=TOKEN_BUDGET, max_rows=MAX_ROWS):
                    chosen = [members[place] for place in batch]
                    self._answer(reads, [rows[index] for index in chosen], chosen, answers)
        return answers

    def embed(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        """Mean-pooled base vectors of unit length, as sentence-transformers gives them."""
        vectors: list[list[float]] = [[] for _ in rows]
        lengths = [len(row.ids) for row in rows]
        with torch.inference_mode():
            for batch in plan_batches(lengths, token_budget=TOKEN_BUDGET, max_rows=MAX_ROWS):
                packed = self._pack([rows[index] for index in batch])
                mean = mean_pool(self.bert(packed), packed).index_select(0, packed.inverse)
                unit = torch.nn.functional.normalize(mean, dim=1)
                for index, vector in zip(batch, unit.tolist(), strict=True):
                    vectors[index] = vector
        return vectors

    def _answer(
        self, reads: str, rows: list[TokenRow], places: list[int], answers: list[list[float]]
    ) -> None:
        mixed = reads == "cls" and len({row.slot for row in rows}) > 1
        packed = self._pack(rows, pack_cells if mixed else pack_rows)
        slots = [rows[index].slot for index in packed.order]
        if reads.endswith("token"):
            for row, found in self._token_answers(reads, packed, slots):
                answers[places[packed.order[row]]] = found
            return
        pool = self._pool_first if reads == "cls" else self._pool_attention
        pooled = pool(packed, slots)
        for sorted_rows, logits in self._heads(pooled, slots):
            task = self._model(slots[sorted_rows[0]]).task
            for row, found in zip(sorted_rows, task.answers(logits).tolist(), strict=True):
                answers[places[packed.order[row]]] = found

    def _pack(self, rows: Sequence[TokenRow], pack: _Pack = pack_rows) -> PackedRows:
        device = self.bert.pooler.weight.device
        return pack([row.ids for row in rows], device, self._grain)

    def _pool_first(self, packed: PackedRows, slots: list[int]) -> Tensor:
        """Pooled [CLS] [R, H] float32, sorted order: adapted, or by one model's own weights."""
        own = self._alone(packed, slots)
        if own is not None:
            return torch.tanh(own.pooler(own(packed, first_tokens=True))).float()
        runner = SlabRunner(self._slab, slots)
        first = self.bert(packed, run=runner, first_tokens=True)
        return runner.pool(first, packed).float()

    def _pool_attention(self, packed: PackedRows, slots: list[int]) -> Tensor:
        """Attended features [R, H] float32, each row after its model's own block."""
        depth = [self._model(slot).layers for slot in slots]
        wanted = sorted(set(depth))
        # rows on weights of their own come in batches of their own
        states = (self._model(slots[0]).bert or self.bert).states(packed, wanted)
        eps = self.bert.config.layer_norm_eps
        query = self._model(slots[0]).query
        if len(set(slots)) > 1:
            query = torch.stack([self._model(slot).query for slot in slots])
        features = [attention_feature(state, packed, query, eps) for state in states]
        if len(features) == 1:
            return features[0]
        return torch.stack([features[wanted.index(d)][row] for row, d in enumerate(depth)])

    def _token_answers(
        self, reads: str, packed: PackedRows, slots: list[int]
    ) -> Iterator[tuple[int, list[float]]]:
        """(row in sorted order, its answer). A head is small: one product for each model's own."""
        states = self._token_states(reads, packed, slots)
        lengths: list[int] = packed.lengths.tolist()
        for slot in dict.fromkeys(slots):
            model = self._model(slot)
            mine = [row for row, each in enumerate(slots) if each == slot]
            hidden = states[model.layers]
            if len(mine) < len(slots):
                own = torch.tensor(mine, device=hidden.device)
                hidden = hidden[torch.isin(packed.row_of_token, own)]
            logits = hidden.float() @ model.weight.t() + model.bias
            parts = torch.split(model.task.answers(logits), [lengths[row] for row in mine])
            for row, part in zip(mine, parts, strict=True):
                yield row, part.flatten().tolist()

    def _token_states(self, reads: str, packed: PackedRows, slots: list[int]) -> dict[int, Tensor]:
        """Block count -> states [T, H] after it, of those that these rows' models read."""
        if reads == "frozen token":
            wanted = sorted({self._model(slot).layers for slot in slots})
            return dict(zip(wanted, self.bert.states(packed, wanted), strict=True))
        layers, own = self._model(slots[0]).layers, self._alone(packed, slots)
        if own is not None:
            return {layers: own(packed)}
        return {layers: self.bert(packed, run=SlabRunner(self._slab, slots))}

    def _alone(self, packed: PackedRows, slots: list[int]) -> Bert | None:
        """Weights that hold all of the one model that has this batch to itself, if there are."""
        own = self._model(slots[0]).bert
        if own is None and len(set(slots)) == 1:
            own = self._merged.of(self._slab, slots[0], packed.tokens)
        return own

    def _heads(self, pooled: Tensor, slots: list[int]) -> list[tuple[list[int], Tensor]]:
        """(rows in sorted order, their logits [n, C]) for each task and number of labels."""
        if len(set(slots)) == 1:
            model = self._model(slots[0])
            return [(list(range(len(slots))), pooled @ model.weight.t() + model.bias)]
        kinds: dict[tuple[str, int], list[int]] = defaultdict(list)
        for row, slot in enumerate(slots):
            model = self._model(slot)
            kinds[model.task.name, len(model.labels)].append(row)
        out = []
        for rows in kinds.values():
            models = [self._model(slots[row]) for row in rows]
            weight = torch.stack([model.weight for model in models])
            bias = torch.stack([model.bias for model in models])
            inputs = pooled[rows].unsqueeze(2)
            out.append((rows, torch.bmm(weight, inputs).squeeze(2) + bias))
        return out

    def _model(self, slot: int) -> _Model:
        model = self._models[slot]
        if model is None:
            raise ValueError(f"slot {slot} is empty")
        return model


def _reads(manifest: ArtifactManifest) -> str:
    """Frozen rows share a pass whatever slots they have: what lies in these is not theirs."""
    frozen = manifest.pooling == "token" and manifest.lora is None and manifest.full is None
    return "frozen token" if frozen else manifest.pooling
