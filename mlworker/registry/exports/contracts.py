"""What callers see of an export."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from anneal.kernel.ids import public_id
from mlworker.registry.contracts import ExportFormat, ExportState

EXPORT_PREFIX: Final = "exp_"
MAX_ATTEMPTS: Final = 3
"""Of one asking. Attempts are counted on when it is asked again: no number is given twice."""


@dataclass(frozen=True, slots=True)
class ExportInfo:
    """One export."""

    id: UUID
    model: str
    format: ExportFormat
    state: ExportState
    progress: float
    phase: str
    size: int
    sha256: str
    key: str
    quality: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def public_id(self) -> str:
        """The id callers see."""
        return public_id(EXPORT_PREFIX, self.id)
