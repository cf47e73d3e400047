"""Whether a model may be served in bf16: what was measured of that very model. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import cast

from mlworker.engine.contracts import Json
from mlworker.engine.exporting.contracts import MAX_LOSS

BF16 = "bfloat16"
"""Where the gate lies among a version's figures; absent where it was not measured."""
NEIGHBOURS = 2e-2
"""How far the rows beside it may move a probability in bf16; in float32 it is 1e-5."""


@dataclass(frozen=True, slots=True)
class Bf16Gate:
    """What bf16 costs, on rows with known answers that the model never learned from."""

    rows: int
    split: str
    metric: str
    """The figure that is compared: the task's first one, higher is better."""
    float32: float
    bfloat16: float
    changed: float | None
    """Share of the rows that are answered otherwise; None where answers are numbers."""

    @property
    def passed(self) -> bool:
        """Whether bf16 answers well enough. A figure that is no number passes nothing."""
        return self.float32 - self.bfloat16 <= MAX_LOSS

    def describe(self) -> dict[str, Json]:
        """As it lies among a version's figures."""
        return asdict(self)


def gate_of(figures: Mapping[str, object]) -> Bf16Gate | None:
    """The gate among a version's figures, if it was measured.

    A version of a later release may say more of it than is known here.
    """
    found = cast("Mapping[str, object] | None", figures.get(BF16))
    if found is None:
        return None
    known = {each.name: found[each.name] for each in fields(Bf16Gate)}
    return Bf16Gate(**known)  # type: ignore[arg-type]  # as described


def gate_passed(figures: Mapping[str, object]) -> bool:
    """Whether a version was measured in bf16 and answered well enough."""
    gate = gate_of(figures)
    return gate is not None and gate.passed
