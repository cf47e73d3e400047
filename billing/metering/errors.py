"""Refusals of metering."""

from collections.abc import Sequence
from typing import Final

from anneal.kernel.errors import Conflict, DomainError, InvalidRequest, NotFound
from billing.metering.contracts import UsageRefusal

_SHOWN: Final = 5


class UsageEventUnknown(NotFound):
    """No such usage event of this organization."""

    code = "usage_event_not_found"
    message = "No such usage event."


class _BatchRefused(DomainError):
    """Nothing of the batch is counted; ``refusals`` names every item at fault."""

    def __init__(self, refusals: Sequence[UsageRefusal]) -> None:
        self.refusals = tuple(refusals)
        told = "; ".join(f"item {each.index}: {each.message}" for each in refusals[:_SHOWN])
        more = f"; and {len(refusals) - _SHOWN} more" if len(refusals) > _SHOWN else ""
        super().__init__(f"{self.message} {told}{more}", param=f"events[{refusals[0].index}]")


class UsageInvalid(_BatchRefused, InvalidRequest):
    """An event that cannot be counted."""

    code = "usage_invalid"
    message = "Nothing was counted: correct the events named and send the batch again."


class UsageConflict(_BatchRefused, Conflict):
    """An event under a name that stands for another one."""

    code = "event_conflict"
    message = "Nothing was counted: these names stand for other events, choose new ones."


class UsageBatchTooLarge(InvalidRequest):
    """More events than one transaction should hold."""

    code = "usage_batch_too_large"
    message = "At most 10,000 events at once: send several batches."
