"""A base in memory with a slot for each model that it answers for.

`forward` takes rows of any models together. A row's result does not depend on its neighbours
beyond rounding: |dp| < 1e-5 in float32, and 2e-2 in bf16.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mlworker.engine.adapters.full import full_bytes
from mlworker.engine.artifact import Artifact, check_shapes
from mlworker.engine.artifact_manifest import ArtifactManifest
from mlworker.engine.base.bert import Bert, mean_pool
from mlworker.engine.base.locate import BaseDirectory, verify_base
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.data.batches import plan_batches
from mlworker.engine.data.cells import pack_cells
from mlworker.engine.data.packing import Grain, PackedRows, pack_rows
from mlworker.engine.device import ByDevice, pick_device
from mlworker.engine.heads import attention_feature, query_of
from mlworker.engine.inference.lanes import Lane, Lanes, Precision
from mlworker.engine.inference.sides import Sides
from mlworker.engine.inference.slab import Slab, SlabRunner, slot_bytes, slots_within
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Task
from mlworker.engine.tokenizer import TextTokenizer

_MOST = ByDevice(cpu=(4_096, 256), accelerator=(16_384, 1_024))
"""Tokens and rows that run at once."""
_FIRST_RANK = 8
_Pack = Callable[[Sequence[Sequence[int]], torch.device, Grain], PackedRows]
_Heads = tuple[list[int], Tensor, list[int] | None]
"""Rows in sorted order, their logits, and how many lines each has where that is not one."""


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
    lane: Lane
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


@dataclass(frozen=True, slots=True)
class _Said:
    """What the heads say of some rows."""

    task: Task
    places: list[int]
    """The rows, in the caller's order."""
    logits: Tensor
    """[n, C] float32: a line a row, or a line a token."""
    lengths: list[int] | None
    """Tokens of each row; None when lines are rows."""


class Resident:
    """One base and up to `slots` models. `load` may run in another thread than `forward`.

    `merging` = False: no model ever runs on a copy of its own, so that answers can be repeated.
    `sides`: into how many parts a large batch is cut, each of which has a core to itself.
    """

    def __init__(
        self,
        base: BaseDirectory,
        bert: Bert,
        slots: int,
        *,
        precision: Precision = "float32",
        merging: bool = True,
        sides: int = 1,
    ) -> None:
        self.base = base
        self.tokenizer = TextTokenizer.load(base.directory)
        self.slots = slots
        self._lanes, self._merging = Lanes(bert, precision), merging
        self.bert = self._lanes.plain.bert
        self._slab = Slab(bert, slots, _FIRST_RANK)  # float32 whatever the lane
        self._models: list[_Model | None] = [None] * slots
        self._lock = threading.Lock()
        self._sides = Sides(sides if self.bert.pooler.weight.device.type == "cpu" else 1)

    @classmethod
    def open(
        cls,
        base: BaseDirectory,
        *,
        slots: int = 64,
        precision: Precision = "float32",
        sides: int = 1,
    ) -> Self:
        """Verify and load a base; int8 is for a processor alone."""
        verify_base(base)
        device = torch.device("cpu") if precision == "int8" else pick_device()
        bert = Bert.load(base, device=str(device))
        if device.type == "cuda":
            slots = slots_within(bert, slots, torch.cuda.mem_get_info()[0])
        return cls(base, bert, slots, precision=precision, sides=sides)

    def precision(self, slot: int) -> str:
        """The number format that a slot's model answers in."""
        return self._model(slot).lane.precision

    def size(self, artifact: Artifact) -> int:
        """Bytes that a model takes beside the base and the slots; 0 unless it is of tier full."""
        return full_bytes(artifact, self._lanes.of(artifact.manifest).weights)

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
        device, lane = self.bert.pooler.weight.device, self._lanes.of(manifest)
        model = _Model(
            task=task_named(manifest.task),
            labels=manifest.labels,
            max_length=min(manifest.max_length, self.bert.config.max_position_embeddings),
            lane=lane,
            reads=_reads(manifest),
            layers=manifest.layers,
            # copies: a view of an artifact's file keeps all of the file in memory
            weight=artifact.tensors["head.weight"].to(device, copy=True),
            bias=artifact.tensors["head.bias"].to(device, copy=True),
            query=query_of(artifact.tensors, self.bert.config).to(device, copy=True),
            bert=None if manifest.full is None else lane.own(artifact),
        )
        return Prepared(artifact, model)

    def put(self, slot: int, prepared: Prepared) -> None:
        """Put a prepared model into a slot that no running `forward` uses."""
        lora = prepared.artifact.manifest.lora
        with self._lock, torch.inference_mode():
            self._lanes.drop(slot)
            if lora is not None and lora.rank > self._slab.rank:
                self._slab = self._slab.with_rank(lora.rank, self._used())
            self._slab.put(slot, prepared.artifact)
            self._models[slot] = prepared.model
            self._lanes.drop(slot)

    def unload(self, slot: int) -> None:
        """Empty a slot."""
        self._lanes.drop(slot)
        self._models[slot] = None

    def labels(self, slot: int) -> tuple[str, ...]:
        """Labels of the model in a slot, in the order of its probabilities."""
        return self._model(slot).labels

    def max_length(self, slot: int) -> int:
        """How many tokens the model in a slot reads."""
        return self._model(slot).max_length

    def forward(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        """Each row's answer (`Task.answers`), in the rows' order, tokens after each other.

        Memory is bounded: many rows run in batches.
        """
        return self._sides.run(self._answers, rows, _length)

    def _answers(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        answers: list[list[float]] = [[] for _ in rows]
        with torch.inference_mode():
            for said in self._said(rows):
                found = said.task.answers(said.logits)
                lines: Iterable[list[float]] = (
                    found.tolist()
                    if said.lengths is None
                    else (part.flatten().tolist() for part in torch.split(found, said.lengths))
                )
                for place, line in zip(said.places, lines, strict=True):
                    answers[place] = line
        return answers

    def logits(self, rows: Sequence[TokenRow]) -> list[Tensor]:
        """What each row's answer is made of, [1, C] or a line a token; float32 on the CPU."""
        out = [torch.empty(0)] * len(rows)
        with torch.inference_mode():
            for said in self._said(rows):
                parts = torch.split(said.logits.cpu(), said.lengths or [1] * len(said.places))
                for place, part in zip(said.places, parts, strict=True):
                    out[place] = part
        return out

    def _said(self, rows: Sequence[TokenRow]) -> Iterator[_Said]:
        """Run the rows in batches of what can run together: one lane, one kind of head."""
        groups: dict[tuple[Lane, str, int], list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            model = self._model(row.slot)
            own = -1 if model.bert is None else row.slot
            groups[model.lane, model.reads, own].append(index)
        for (lane, reads, _), members in groups.items():
            lengths = [len(rows[index].ids) for index in members]
            for batch in self._plan(lengths):
                chosen = [members[place] for place in batch]
                yield from self._run(lane, reads, [rows[index] for index in chosen], chosen)

    def _plan(self, lengths: Sequence[int]) -> list[list[int]]:
        tokens, rows = _MOST.on(self.bert.pooler.weight.device)
        return plan_batches(lengths, token_budget=tokens, max_rows=rows)

    def embed(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        """Mean-pooled base vectors of unit length, as sentence-transformers gives them."""
        return self._sides.run(self._vectors, rows, _length)

    def _vectors(self, rows: Sequence[TokenRow]) -> list[list[float]]:
        vectors: list[list[float]] = [[] for _ in rows]
        lengths = [len(row.ids) for row in rows]
        with torch.inference_mode():
            for batch in self._plan(lengths):
                packed = self._pack([rows[index] for index in batch], self._lanes.plain.grain)
                mean = mean_pool(self.bert(packed), packed).index_select(0, packed.inverse)
                unit = torch.nn.functional.normalize(mean, dim=1)
                for index, vector in zip(batch, unit.tolist(), strict=True):
                    vectors[index] = vector
        return vectors

    def _run(
        self, lane: Lane, reads: str, rows: list[TokenRow], places: list[int]
    ) -> Iterator[_Said]:
        mixed = reads == "cls" and len({row.slot for row in rows}) > 1
        packed = self._pack(rows, lane.grain, pack_cells if mixed else pack_rows)
        slots = [rows[index].slot for index in packed.order]
        sorted_places = [places[index] for index in packed.order]
        if reads.endswith("token"):
            heads = self._token_heads(lane, reads, packed, slots)
        else:
            pool = self._pool_first if reads == "cls" else self._pool_attention
            heads = self._heads(pool(lane, packed, slots), slots)
        for chosen, logits, lengths in heads:
            task = self._model(slots[chosen[0]]).task
            yield _Said(task, [sorted_places[row] for row in chosen], logits, lengths)

    def _pack(self, rows: Sequence[TokenRow], grain: Grain, pack: _Pack = pack_rows) -> PackedRows:
        device = self.bert.pooler.weight.device
        return pack([row.ids for row in rows], device, grain)

    def _pool_first(self, lane: Lane, packed: PackedRows, slots: list[int]) -> Tensor:
        """Pooled [CLS] [R, H] float32, sorted order: adapted, or by one model's own weights."""
        own = self._alone(lane, packed, slots)
        if own is not None:
            return torch.tanh(own.pooler(own(packed, first_tokens=True).float()))
        runner = SlabRunner(self._slab, slots)
        first = lane.bert(packed, run=runner, first_tokens=True)
        return runner.pool(first.float(), packed)

    def _pool_attention(self, lane: Lane, packed: PackedRows, slots: list[int]) -> Tensor:
        """Attended features [R, H] float32, each row after its model's own block."""
        depth = [self._model(slot).layers for slot in slots]
        wanted = sorted(set(depth))
        # rows on weights of their own come in batches of their own
        states = (self._model(slots[0]).bert or lane.bert).states(packed, wanted)
        eps = self.bert.config.layer_norm_eps
        query = self._model(slots[0]).query
        if len(set(slots)) > 1:
            query = torch.stack([self._model(slot).query for slot in slots])
        features = [attention_feature(state, packed, query, eps) for state in states]
        if len(features) == 1:
            return features[0]
        return torch.stack([features[wanted.index(d)][row] for row, d in enumerate(depth)])

    def _token_heads(
        self, lane: Lane, reads: str, packed: PackedRows, slots: list[int]
    ) -> Iterator[_Heads]:
        """A head is small: one product for each model's own tokens."""
        states = self._token_states(lane, reads, packed, slots)
        lengths: list[int] = packed.lengths.tolist()
        for slot in dict.fromkeys(slots):
            model = self._model(slot)
            mine = [row for row, each in enumerate(slots) if each == slot]
            hidden = states[model.layers]
            if len(mine) < len(slots):
                own = torch.tensor(mine, device=hidden.device)
                hidden = hidden[torch.isin(packed.row_of_token, own)]
            logits = hidden.float() @ model.weight.t() + model.bias
            yield mine, logits, [lengths[row] for row in mine]

    def _token_states(
        self, lane: Lane, reads: str, packed: PackedRows, slots: list[int]
    ) -> dict[int, Tensor]:
        """Block count -> states [T, H] after it, of those that these rows' models read."""
        if reads == "frozen token":
            wanted = sorted({self._model(slot).layers for slot in slots})
            return dict(zip(wanted, lane.bert.states(packed, wanted), strict=True))
        layers, own = self._model(slots[0]).layers, self._alone(lane, packed, slots)
        if own is not None:
            return {layers: own(packed)}
        return {layers: lane.bert(packed, run=SlabRunner(self._slab, slots))}

    def _alone(self, lane: Lane, packed: PackedRows, slots: list[int]) -> Bert | None:
        """Weights that hold all of the one model that has this batch to itself, if there are."""
        own = self._model(slots[0]).bert
        if own is None and self._merging and len(set(slots)) == 1:
            own = lane.merged.of(self._slab, slots[0], packed.tokens)
        return own

    def _heads(self, pooled: Tensor, slots: list[int]) -> Iterator[_Heads]:
        """One product for each task and number of labels."""
        if len(set(slots)) == 1:
            model = self._model(slots[0])
            yield list(range(len(slots))), pooled @ model.weight.t() + model.bias, None
            return
        kinds: dict[tuple[str, int], list[int]] = defaultdict(list)
        for row, slot in enumerate(slots):
            model = self._model(slot)
            kinds[model.task.name, len(model.labels)].append(row)
        for rows in kinds.values():
            models = [self._model(slots[row]) for row in rows]
            weight = torch.stack([model.weight for model in models])
            bias = torch.stack([model.bias for model in models])
            inputs = pooled[rows].unsqueeze(2)
            yield rows, torch.bmm(weight, inputs).squeeze(2) + bias, None

    def _model(self, slot: int) -> _Model:
        model = self._models[slot]
        if model is None:
            raise ValueError(f"slot {slot} is empty")
        return model


def _length(row: TokenRow) -> int:
    return len(row.ids)


def _reads(manifest: ArtifactManifest) -> str:
    """Frozen rows share a pass whatever slots they have: what lies in these is not theirs."""
    frozen = manifest.pooling == "token" and manifest.lora is None and manifest.full is None
    return "frozen token" if frozen else manifest.pooling
