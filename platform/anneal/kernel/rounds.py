"""Rounds of the scheduler: what has come due is done, and nobody waits for another's fault."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef, system_scope

logger = logging.getLogger(__name__)

BEGINNING: Final = UUID(int=0)
"""An id before all others."""


@dataclass(frozen=True, slots=True)
class Due:
    """Something of an organization that has come due; by its id a round goes on behind it."""

    id: UUID
    organization: OrganizationRef


class DueAfter(Protocol):
    """A selector of what is due, by id, some at a time."""

    def __call__(self, *, after: UUID) -> Sequence[Due]:
        """Return the next behind ``after``, none when the round is over. System scope."""
        ...


def due_each(*, reason: str, due: DueAfter, work: Callable[[Due], object]) -> None:
    """Do all that is due, once each; ``work`` opens its own scopes.

    One that fails is told of and keeps nobody else from theirs: it is due again the next round.
    """
    after = BEGINNING
    while True:
        with system_scope(reason):
            found = due(after=after)
        if not found:
            return
        for each in found:
            try:
                work(each)
            except Exception:
                logger.exception(
                    "%s failed",
                    reason,
                    extra={"organization": str(each.organization.id), "id": str(each.id)},
                )
        after = found[-1].id
