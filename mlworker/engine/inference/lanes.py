"""A base in one number format, and which format a model runs in.

Formats lie side by side over the same float32 weights. Rows of two lanes never share a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mlworker.engine.adapters.full import bert_with
from mlworker.engine.artifact import Artifact
from mlworker.engine.artifact_manifest import ArtifactManifest
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.bf16 import bf16_of
from mlworker.engine.base.int8 import int8_of
from mlworker.engine.base.packed import can_pack, packed_of
from mlworker.engine.data.packing import EXACT, SERVING, Grain
from mlworker.engine.device import bf16_native, pick_device
from mlworker.engine.inference.merged import MergedModels
from mlworker.engine.precision import gate_passed

Precision: TypeAlias = Literal["float32", "bfloat16", "gated", "int8"]
"""What models run in; `gated` is bf16 for those that passed their gate, float32 for the others."""


def serving_precision(asked: str) -> Precision:
    """What an engine told `auto`, `float32` or `bfloat16` runs in on this machine.

    The gate holds in any case; `bfloat16` only means that the device is not asked. An accelerator
    answers batches of 64 on a small base no faster in bf16 (measured): there it has to be told.
    """
    device = pick_device()
    pays = device.type == "cpu" and bf16_native(device)
    return "gated" if asked == "bfloat16" or (asked == "auto" and pays) else "float32"


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """All that runs in one number format."""

    precision: Literal["float32", "bfloat16", "int8"]
    weights: Bert
    """What models of tier full stand on."""
    bert: Bert
    grain: Grain
    finish: Callable[[Bert], Bert]
    """Brings a model's own encoder into the format."""
    merged: MergedModels

    @classmethod
    def float32(cls, bert: Bert) -> Lane:
        """The base as it is. Its products are no dearer for shapes that never came before."""
        return cls("float32", bert, bert, EXACT, _as_it_is, MergedModels(_as_it_is))

    @classmethod
    def bfloat16(cls, bert: Bert) -> Lane:
        """Blocks in bf16."""
        half = bf16_of(bert)
        if not can_pack(half):
            return cls("bfloat16", half, half, SERVING, bf16_of, MergedModels(bf16_of))
        base = packed_of(half)

        def finish(own: Bert) -> Bert:
            return packed_of(bf16_of(own), known=(half, base))

        return cls("bfloat16", half, base, SERVING, finish, MergedModels(finish))

    @classmethod
    def int8(cls, bert: Bert) -> Lane:
        """Products in 8 bits."""
        return cls("int8", bert, int8_of(bert), SERVING, int8_of, MergedModels(int8_of))

    def own(self, artifact: Artifact) -> Bert:
        """The encoder of a model of tier full."""
        return self.finish(bert_with(self.weights, artifact))


class Lanes:
    """The lanes that a resident's models need."""

    def __init__(self, bert: Bert, precision: Precision) -> None:
        self.plain = Lane.int8(bert) if precision == "int8" else Lane.float32(bert)
        """What embeds, and what models run in that have not passed their gate."""
        half = precision in ("bfloat16", "gated")
        self._half = Lane.bfloat16(bert) if half else self.plain
        self._gated = precision == "gated"

    def of(self, manifest: ArtifactManifest) -> Lane:
        """What a model runs in."""
        if self._gated and not gate_passed(manifest.metrics):
            return self.plain
        return self._half

    def drop(self, slot: int) -> None:
        """Forget merged copies of a slot, before and after its model changes."""
        for lane in {self.plain, self._half}:
            lane.merged.drop(slot)


def _as_it_is(bert: Bert) -> Bert:
    return bert
