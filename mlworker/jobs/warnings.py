"""What went otherwise than one would expect of a job: a code, a sentence, and what it speaks of.

The page says the same in its reader's language: each code has a text in
frontend/src/i18n/*/training.json, filled with the warning's data.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from anneal.kernel.errors import DomainError
from mlworker.jobs.contracts import JobWarning
from mlworker.jobs.errors import MaxChargeExceeded

_NAMED: Final = 5
"""Labels that are named; the rest is counted."""
_LONGEST: Final = 40


class WarningCode(StrEnum):
    """All of them; docs/training.md says what each is about."""

    LABELS_NEW = "labels_new"
    LABELS_ALL_NEW = "labels_all_new"
    VALIDATION_OVERLAPS = "validation_overlaps"
    MAX_CHARGE_STOPS = "max_charge_stops"
    HOLD_LOST = "hold_lost"
    TOKENS_UNPAID = "tokens_unpaid"
    PAUSED_UNPAID = "paused_unpaid"
    PAUSED_MAX_CHARGE = "paused_max_charge"
    REPORT_MISSING = "report_missing"
    BF16_UNMEASURED = "bf16_unmeasured"
    CHECKPOINT_MISSING = "checkpoint_missing"
    RUN_DIVERGED = "run_diverged"
    NOTE = "note"
    """A sentence of a job from before there were codes."""


def labels_warning(parent: str, new: Sequence[str], total: int) -> JobWarning:
    """Say which of ``total`` labels what is continued has not learned."""
    if len(new) == total:
        return JobWarning(
            code=WarningCode.LABELS_ALL_NEW,
            message=f"'{parent}' knows none of the labels: its last layer begins anew.",
            data={"parent": parent},
        )
    labels = [label[:_LONGEST] for label in new[:_NAMED]]
    named = ", ".join(map(repr, labels)) + (", ..." if len(new) > _NAMED else "")
    return JobWarning(
        code=WarningCode.LABELS_NEW,
        message=(
            f"'{parent}' does not know {named}: the last layer begins anew for "
            f"{len(new)} of {total} labels."
        ),
        data={"parent": parent, "labels": labels, "new": len(new), "total": total},
    )


def overlap_warning(rows: int, total: int) -> JobWarning:
    """Say how many of the rows that choose the weights are the training file's too."""
    return JobWarning(
        code=WarningCode.VALIDATION_OVERLAPS,
        message=(
            f"{rows:,} of the {total:,} validation rows have a text of the training file, which "
            "may also be one of its test rows: validation, and perhaps the report, flatter the "
            "model."
        ),
        data={"rows": rows, "total": total},
    )


def cap_warning(limit: int, planned: int) -> JobWarning:
    """Say where ``max_charge`` ends a training of ``planned`` tokens."""
    return JobWarning(
        code=WarningCode.MAX_CHARGE_STOPS,
        message=(
            f"max_charge ends the training after {limit:,} of {planned:,} trained tokens, "
            "with the best weights found until then."
        ),
        data={"tokens": limit, "planned": planned},
    )


def hold_lost_warning() -> JobWarning:
    """Say that a training began unpaid."""
    return JobWarning(
        code=WarningCode.HOLD_LOST,
        message="The price was no longer held when training began.",
    )


def unpaid_warning(tokens: int) -> JobWarning:
    """Say how many tokens were trained unpaid."""
    return JobWarning(
        code=WarningCode.TOKENS_UNPAID,
        message=f"The price was no longer held; {tokens:,} trained tokens were not charged.",
        data={"tokens": tokens},
    )


def paused_warning(error: DomainError) -> JobWarning:
    """Say why a job was paused, and what lets it go on."""
    code, remedy = WarningCode.PAUSED_UNPAID, "When that is done, resume the job."
    if isinstance(error, MaxChargeExceeded):
        # A job's own max_charge is not to be changed.
        code, remedy = (
            WarningCode.PAUSED_MAX_CHARGE,
            "Cancel the job and create one with a higher max_charge; continue_from a checkpoint "
            "of this one keeps what is trained.",
        )
    return JobWarning(
        code=code,
        message=(
            f"Paused: the price is no longer held and cannot be held again. {error.text} {remedy}"
        ),
        data={"reason": error.code},
    )


TRAINER_WARNINGS: Final[Mapping[str, JobWarning]] = MappingProxyType(
    {
        f"trainer.{code}": JobWarning(code=code, message=message)
        for code, message in (
            (
                WarningCode.REPORT_MISSING,
                "The evaluation report could not be made. The model is whole; train it again to "
                "get one.",
            ),
            (
                WarningCode.BF16_UNMEASURED,
                "bf16 could not be measured: the model answers in float32.",
            ),
            (
                WarningCode.CHECKPOINT_MISSING,
                "A checkpoint could not be written: the disk did not take it.",
            ),
            (
                WarningCode.RUN_DIVERGED,
                "A configuration that the search tried diverged and was left out.",
            ),
        )
    }
)
"""What stands on the job for each line of its log that has such a code, once."""
