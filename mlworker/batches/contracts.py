"""What crosses the border of batches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef
from mlworker.batches.states import BatchState, Form

BATCH_PREFIX: Final = "batch_"
LINE_PREFIX: Final = "batch_req_"

METER: Final = "prediction"
CHANNEL: Final = "batch"
SOURCE: Final = "batch"
"""Source of the usage events of batches."""

CLASSIFY: Final = "/v1/classify"
EMBEDDINGS: Final = "/v1/embeddings"
ENDPOINTS: Final = (CLASSIFY, EMBEDDINGS)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """The body of a create or estimate call, checked. A ``model`` makes it a batch of rows."""

    input_file_id: UUID
    endpoint: str
    window_hours: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    text_column: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch would cost."""

    form: Form
    requests: int
    items: int
    bad: int
    exact: bool
    """False when the file was too long to read now and the rest was judged by its beginning."""
    model: str
    columns: tuple[str, ...]
    text_column: str
    price: Decimal
    online_price: Decimal
    currency: str
    allowed: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """A batch as the API and other apps see it."""

    id: UUID
    state: BatchState
    form: Form
    endpoint: str
    model: str
    text_column: str
    input_file_id: UUID
    output_file_id: UUID | None
    error_file_id: UUID | None
    window_hours: int
    metadata: Mapping[str, str]
    total: int
    completed: int
    failed: int
    items: int
    charged: int
    errors: tuple[Mapping[str, Any], ...]
    revision: int
    created_at: datetime
    expires_at: datetime
    moments: Mapping[str, datetime]
    """When each state was reached, by the state's name."""

    @property
    def public_id(self) -> str:
        """The id callers see."""
        return public_id(BATCH_PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to a batch: every write it makes carries the fence."""

    batch_id: UUID
    organization: OrganizationRef
    fence: int

    @property
    def public_id(self) -> str:
        """The batch's public id."""
        return public_id(BATCH_PREFIX, self.batch_id)


@dataclass(frozen=True, slots=True)
class BatchEnded(Event):
    """A batch reached one of its last states."""

    organization: OrganizationRef
    batch_id: UUID
    state: BatchState
