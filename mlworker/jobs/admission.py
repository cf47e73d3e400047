"""From a job with readable data to a job in the queue: plan, price, hold."""

from anneal.kernel.ids import public_id, uuid7
from billing.ledger.errors import HoldClosed, HoldExpired
from billing.ledger.services import hold_extend, hold_take
from billing.prices.services import price_quote
from mlworker.jobs.charging import job_holds, tokens_captured
from mlworker.jobs.contracts import JOB_PREFIX, METER, SOURCE
from mlworker.jobs.errors import MaxChargeExceeded, TrainingDataUnfit
from mlworker.jobs.limits import HOLD_SECONDS
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.quoting import Plan, plan_make
from mlworker.jobs.ring import ring_workers
from mlworker.jobs.rows import event_add, job_move, owner_of
from mlworker.jobs.states import Control, JobState, Phase
from mlworker.jobs.studying import study_asked
from tenants.datasets.contracts import DatasetVersionInfo


def job_admit(
    row: FineTuningJob, version: DatasetVersionInfo, validation: DatasetVersionInfo | None
) -> None:
    """Plan a locked job on its data, hold its price and queue it (or pause it, if that was asked).

    TrainingDataUnfit, HyperparameterInvalid, MaxChargeExceeded and QuotaExhausted leave the row as
    it was.
    """
    if validation is not None and not set(validation.labels) <= set(version.labels):
        raise TrainingDataUnfit(
            "The validation file has labels that the training file has not.",
            param="validation_file",
        )
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
    _hold(row, plan)
    row.dataset_id, row.dataset_version_id = version.dataset_id, version.id
    row.validation_version_id = validation.id if validation else None
    row.task = version.task
    row.config = plan.config.as_dict()
    row.quoted_tokens = plan.trained_tokens
    if row.search is not None:
        row.search = {**row.search, "full_runs": plan.study.full_runs}
    paused = row.control == Control.PAUSE
    job_move(row, JobState.PAUSED if paused else JobState.QUEUED, Phase.WAITING_FOR_WORKER)
    event_add(
        row,
        f"Files validated, {plan.trained_tokens:,} trained tokens held, "
        + ("job paused." if paused else "moving job to queued state."),
        code="job.paused" if paused else "job.queued",
        data={"trained_tokens": plan.trained_tokens, "rows": version.rows},
    )
    row.save()
    if not paused:
        ring_workers()


def hold_renew(row: FineTuningJob) -> None:
    """Give the job's hold its full time again; take a new one if it has run out. The caller saves.

    A new one is for what segments have not charged yet. QuotaExhausted when one is needed and the
    balance does not cover it any more.
    """
    organization = owner_of(row)
    if row.hold_id is None:
        return
    try:
        hold_extend(organization=organization, hold_id=row.hold_id, ttl_seconds=HOLD_SECONDS)
    except (HoldExpired, HoldClosed):
        rest = (row.quoted_tokens or 0) - tokens_captured(job_holds(row))
        if rest <= 0:
            return
        row.earlier_holds = [*row.earlier_holds, str(row.hold_id)]
        hold = hold_take(
            organization=organization,
            unit=METER,
            amount=rest,
            key=f"{public_id(JOB_PREFIX, row.id)}:{uuid7()}",
            ttl_seconds=HOLD_SECONDS,
            source=SOURCE,
            dims={"task": row.task, "tier": row.tier},
            api_key_id=row.api_key_id,
            member_id=row.member_id,
        )
        row.hold_id = hold.id


def _hold(row: FineTuningJob, plan: Plan) -> None:
    dims = {"task": plan.version.task, "tier": row.tier}
    price = price_quote(
        meter=METER, units=plan.trained_tokens, organization=owner_of(row), dims=dims
    )
    if row.max_charge is not None and price.amount > row.max_charge:
        raise MaxChargeExceeded(
            f"The price is {price.amount} {price.currency}, above max_charge {row.max_charge}.",
            param="max_charge",
        )
    hold = hold_take(
        organization=owner_of(row),
        unit=METER,
        amount=plan.trained_tokens,
        key=public_id(JOB_PREFIX, row.id),
        ttl_seconds=HOLD_SECONDS,
        source=SOURCE,
        dims=dims,
        api_key_id=row.api_key_id,
        member_id=row.member_id,
    )
    row.hold_id = hold.id
