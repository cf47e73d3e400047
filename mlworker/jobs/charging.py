"""A job's money: charged by segment at its checkpoints, settled at its end, refunded at a fault.

Each function runs in the transaction that changes the job, on its locked row, and the caller saves.
Reported is always the counter of all tokens trained so far: what is done again after a crash, or
told twice, adds nothing to it. Charged is never more than the quote.
"""

import logging
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import require_scope
from billing.ledger.contracts import Hold
from billing.ledger.errors import EventConflict, HoldClosed, HoldExpired
from billing.ledger.services import (
    hold_capture,
    hold_capture_segment,
    hold_get,
    hold_refund,
    hold_release,
)
from mlworker.jobs.contracts import JOB_PREFIX, SOURCE
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.rows import event_add, job_warn, owner_of
from mlworker.jobs.warnings import unpaid_warning

logger = logging.getLogger(__name__)


def job_holds(row: FineTuningJob) -> list[Hold]:
    """Return the job's holds, oldest first: those that ran out, then the one that is open."""
    # One that ran out and could not be replaced may stand in both places: it counts once.
    ids = dict.fromkeys(UUID(hold_id) for hold_id in row.earlier_holds)
    if row.hold_id is not None:
        ids[row.hold_id] = None
    return [hold_get(organization=owner_of(row), hold_id=hold_id) for hold_id in ids]


def tokens_captured(holds: Sequence[Hold]) -> int:
    """Return how many tokens were charged, refunds aside."""
    return int(sum(hold.captured for hold in holds))


def segment_charge(row: FineTuningJob, *, step: int, tokens: int) -> None:
    """Charge what was trained up to the checkpoint of ``step``; each step of a job once.

    A hold that ran out does not stop the training: the end of the job decides about the money.
    """
    if row.hold_id is None:
        return
    earlier = [hold for hold in job_holds(row) if hold.id != row.hold_id]
    used = min(tokens, row.quoted_tokens or 0) - tokens_captured(earlier)
    if used <= 0:
        return
    try:
        hold_capture_segment(
            organization=owner_of(row),
            hold_id=row.hold_id,
            segment=f"{public_id(JOB_PREFIX, row.id)}:{step}",
            used_so_far=used,
            source=SOURCE,
            model=row.base,
            api_key_id=row.api_key_id,
            dims=_dims(row),
        )
    except (HoldExpired, HoldClosed, EventConflict) as error:
        logger.warning(
            "job.segment_unpaid", extra={"job": str(row.id), "step": step, "reason": error.code}
        )


def job_charge(row: FineTuningJob, tokens: int) -> None:
    """Charge what segments have not charged of ``tokens`` and release the rest of the hold."""
    require_scope(owner_of(row))
    owed = min(tokens, row.quoted_tokens or 0)
    row.trained_tokens = owed
    holds = job_holds(row)
    charged = tokens_captured(holds)
    if row.hold_id is not None and owed <= charged:
        hold_release(organization=owner_of(row), hold_id=row.hold_id)
    if owed < charged:
        _undo(row, holds, charged - owed)
    if row.hold_id is None:
        return
    if owed > charged and not _captured(row, row.hold_id, owed - charged):
        # The hold ran out under a job that was paused for weeks. The work is done all the same.
        job_warn(row, unpaid_warning(owed - charged))
        return
    refunded = (row.quoted_tokens or 0) - owed
    if owed > 0 and refunded > 0:
        event_add(
            row,
            f"{refunded:,} trained tokens of the quote were not used and are refunded.",
            code="billing.refund",
            data={"trained_tokens": owed, "refunded": refunded},
        )


def job_price(row: FineTuningJob) -> dict[str, str]:
    """Return the money that a charged job came to beyond grants; empty where it has no price."""
    holds = [hold for hold in job_holds(row) if hold.currency]
    if len({hold.currency for hold in holds}) != 1:
        return {}
    amount = sum((hold.charged - hold.charge_refunded for hold in holds), Decimal(0))
    return {"amount": f"{amount.normalize():f}", "currency": holds[0].currency}


def job_refund(row: FineTuningJob, note: str) -> None:
    """Give everything back, held or charged: a job that fails costs nothing. ``note`` says why."""
    row.trained_tokens = 0
    refunded = Decimal(0)
    for hold in job_holds(row):
        hold_release(organization=owner_of(row), hold_id=hold.id, note=note)
        if hold.captured > hold.refunded:
            refund = hold_refund(
                organization=owner_of(row),
                hold_id=hold.id,
                key=_refund_key(row, "failed", hold),
                reason=note[:500],
            )
            refunded += refund.units
    if refunded:
        event_add(
            row,
            f"{refunded:,.0f} trained tokens were charged so far and are refunded.",
            code="billing.refund",
            data={"trained_tokens": 0, "refunded": int(refunded)},
        )


def _captured(row: FineTuningJob, hold_id: UUID, rest: int) -> bool:
    before = hold_get(organization=owner_of(row), hold_id=hold_id).captured
    try:
        hold = hold_capture(
            organization=owner_of(row),
            hold_id=hold_id,
            amount=rest,
            event_id=public_id(JOB_PREFIX, row.id),
            source=SOURCE,
            model=row.base,
            api_key_id=row.api_key_id,
            dims={**_dims(row), "state": row.state},
        )
    except (HoldExpired, HoldClosed):
        return False
    return hold.captured == before + rest


def _undo(row: FineTuningJob, holds: Sequence[Hold], tokens: int) -> None:
    """Refund tokens whose steps are lost with the checkpoint that paid for them, newest first."""
    for hold in reversed(holds):
        part = min(Decimal(tokens), hold.captured - hold.refunded)
        if part > 0:
            hold_refund(
                organization=owner_of(row),
                hold_id=hold.id,
                amount=part,
                key=_refund_key(row, "undone", hold),
                reason="A checkpoint was lost, and the steps it held with it.",
            )
            tokens -= int(part)


def _refund_key(row: FineTuningJob, why: str, hold: Hold) -> str:
    return f"{public_id(JOB_PREFIX, row.id)}:{why}:{hold.id}"


def _dims(row: FineTuningJob) -> dict[str, str]:
    return {"base": row.base, "task": row.task, "tier": row.tier}
