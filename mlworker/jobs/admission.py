"""From a job with readable data to a job in the queue: plan, price, hold."""

from decimal import Decimal
from uuid import UUID

from anneal.kernel.errors import DomainError, OrganizationSuspended, QuotaExhausted
from anneal.kernel.ids import public_id, uuid7
from billing.ledger.errors import (
    AccountParked,
    ChargeTooHigh,
    HoldClosed,
    HoldExpired,
    LimitReached,
)
from billing.ledger.services import hold_extend, hold_take
from mlworker.jobs.bargains import bargain_data_check
from mlworker.jobs.capping import job_quoter, tokens_allowed
from mlworker.jobs.charging import job_holds, tokens_captured
from mlworker.jobs.continuing import data_fit, parent_find
from mlworker.jobs.contracts import JOB_PREFIX, METER, SOURCE
from mlworker.jobs.errors import MaxChargeExceeded
from mlworker.jobs.forecasts import seconds_expected
from mlworker.jobs.limits import HOLD_SECONDS
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.quoting import Plan, plan_make
from mlworker.jobs.ring import ring_workers
from mlworker.jobs.rows import event_add, job_move, job_warn, owner_of
from mlworker.jobs.states import Control, JobState, Phase
from mlworker.jobs.studying import stretch, study_asked
from mlworker.jobs.validation_rows import validation_apart, validation_fit, validation_overlap
from mlworker.jobs.warnings import cap_warning, hold_lost_warning, paused_warning
from tenants.datasets.contracts import DatasetVersionInfo


def job_admit(
    row: FineTuningJob, version: DatasetVersionInfo, validation: DatasetVersionInfo | None
) -> None:
    """Plan a locked job on its data, hold its price and queue it (or pause it, if that was asked).

    TrainingDataUnfit, HyperparameterInvalid, MaxChargeExceeded and QuotaExhausted leave the row as
    it was.
    """
    if validation is not None:
        validation_fit(version, validation)
    plan = plan_make(
        organization=owner_of(row),
        version=version,
        base=row.base,
        tier=row.tier,
        preset=row.preset,
        seed=row.seed,
        hyperparameters=row.hyperparameters,
        study=study_asked(row),
    )
    _rows_fit(row, version, validation)
    _hold(row, plan)
    row.dataset_id, row.dataset_version_id = version.dataset_id, version.id
    row.validation_version_id = validation.id if validation else None
    row.task = version.task
    row.config = plan.config.as_dict()
    if row.search is not None:
        row.search = {**row.search, "full_runs": plan.study.full_runs}
    work = round((row.quoted_tokens or 0) * stretch(plan.study, row.tier))
    forecast = seconds_expected(base=row.base, tier=row.tier, tokens=work)
    row.expected_seconds = forecast.seconds_p50
    paused = row.control == Control.PAUSE
    job_move(row, JobState.PAUSED if paused else JobState.QUEUED, Phase.WAITING_FOR_WORKER)
    event_add(
        row,
        f"Files validated, {row.quoted_tokens:,} trained tokens held, "
        + ("job paused." if paused else "moving job to queued state."),
        code="job.paused" if paused else "job.queued",
        data={"trained_tokens": row.quoted_tokens, "rows": version.rows},
    )
    row.save()
    if not paused:
        ring_workers()


def _rows_fit(
    row: FineTuningJob, version: DatasetVersionInfo, validation: DatasetVersionInfo | None
) -> None:
    """Refuse rows that do not fit what is continued, sealed or tested on; warn of what is odd."""
    if row.continue_from:
        parent = parent_find(organization=owner_of(row), reference=row.continue_from)
        for told in data_fit(parent, task=version.task, labels=version.labels):
            job_warn(row, told)
    bargain_data_check(row, version, validation)
    if validation is not None:
        validation_apart(version, validation)
        for told in validation_overlap(owner_of(row), version, validation):
            job_warn(row, told)


def hold_renew(row: FineTuningJob) -> None:
    """Give the job's hold its full time again; take a new one if it has run out. The caller saves.

    A new one is for what segments have not charged yet, and ``max_charge`` counts these too.
    QuotaExhausted, LimitReached, MaxChargeExceeded, AccountParked or OrganizationSuspended when one
    is needed and cannot be had any more.
    """
    if row.hold_id is None:
        return
    try:
        hold_extend(organization=owner_of(row), hold_id=row.hold_id, ttl_seconds=HOLD_SECONDS)
    except (HoldExpired, HoldClosed):
        holds = job_holds(row)
        rest = (row.quoted_tokens or 0) - tokens_captured(holds)
        if rest <= 0:
            return
        spent = sum((hold.charged - hold.charge_refunded for hold in holds), Decimal(0))
        # Remembered also where no other can be had: what it paid may have to be refunded.
        row.earlier_holds = [*row.earlier_holds, str(row.hold_id)]
        key = f"{public_id(JOB_PREFIX, row.id)}:{uuid7()}"
        row.hold_id = _take(row, rest, task=row.task, key=key, spent=spent)


def work_is_payable(row: FineTuningJob) -> bool:
    """Renew the hold of a claimed job; False: none is allowed, and the job was paused and saved.

    A balance that lacks what a hold had covered until it ran out stops nothing: the rest is trained
    unpaid (decision 0007). A budget, ``max_charge``, parking or suspension forbid it: the job keeps
    its checkpoint and its old hold, so that a resume takes a new one or is refused.
    """
    try:
        hold_renew(row)
    except (LimitReached, MaxChargeExceeded, AccountParked, OrganizationSuspended) as error:
        _pause_unpaid(row, error)
        return False
    except QuotaExhausted:
        job_warn(row, hold_lost_warning())
        row.hold_id = None
    return True


def _pause_unpaid(row: FineTuningJob, error: DomainError) -> None:
    told = paused_warning(error)
    job_warn(row, told)
    job_move(row, JobState.PAUSED, Phase.WAITING_FOR_WORKER)
    event_add(row, told.message, code="job.paused", level="warn", data={"code": error.code})
    row.save()


def _take(
    row: FineTuningJob, tokens: int, *, task: str, key: str, spent: Decimal = Decimal(0)
) -> UUID:
    most = None if row.max_charge is None else max(row.max_charge - spent, Decimal(0))
    try:
        hold = hold_take(
            organization=owner_of(row),
            unit=METER,
            amount=tokens,
            key=key,
            ttl_seconds=HOLD_SECONDS,
            source=SOURCE,
            dims={"task": task, "tier": row.tier},
            api_key_id=row.api_key_id,
            member_id=row.member_id,
            most=most,
        )
    except ChargeTooHigh as error:
        raise MaxChargeExceeded(f"max_charge: {error}", param="max_charge") from error
    return hold.id


def _hold(row: FineTuningJob, plan: Plan) -> None:
    """Hold the price of the whole plan, or of as much of it as ``max_charge`` buys."""
    task = plan.version.task
    quote = job_quoter(
        organization=owner_of(row),
        dims={"task": task, "tier": row.tier},
        api_key_id=row.api_key_id,
        member_id=row.member_id,
        max_charge=row.max_charge,
    )
    tokens = tokens_allowed(plan, row.max_charge, quote).tokens
    row.hold_id = _take(row, tokens, task=task, key=public_id(JOB_PREFIX, row.id))
    row.quoted_tokens = tokens
    if tokens < plan.trained_tokens:
        row.token_limit = tokens
        job_warn(row, cap_warning(tokens, plan.trained_tokens))
