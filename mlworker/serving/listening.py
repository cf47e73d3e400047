"""Who else hears of answered calls: apps that serving knows nothing of.

A listener is told when the answer has left, of calls whose deployment keeps a log, and never waits
in `answered`: it runs in the loop that answers everybody.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef
from mlworker.serving.contracts import LogInfo


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A call of a deployment that was answered and charged."""

    organization: OrganizationRef
    deployment_id: UUID
    model: str
    """The version that answered."""
    log: LogInfo
    random: bytes
    texts: Sequence[str]
    ids: Sequence[UUID]
    """The predictions' ids, a text each."""
    answers: Callable[[], Iterator[Mapping[str, Any]]]
    """Makes the answers, a text each, as the deployment shows them under their own field names."""
    answers_size: int = 0
    """Bytes of memory that these need until they are made."""


class Listener(Protocol):
    """Something that lives as long as a gateway and hears of its answered calls."""

    def answered(self, call: AnsweredCall) -> None:
        """Take note of a call, at once."""
        ...

    async def run_forever(self) -> None:
        """Work on what was noted."""
        ...

    async def close(self) -> None:
        """Finish."""
        ...


_makers: Final[list[Callable[[], Listener]]] = []


def register_listener(maker: Callable[[], Listener]) -> None:
    """Have each gateway make such a listener. Registering twice counts once."""
    if maker not in _makers:
        _makers.append(maker)


def listeners_new() -> list[Listener]:
    """Return a gateway's listeners."""
    return [make() for make in _makers]
