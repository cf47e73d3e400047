"""Jobs, events and checkpoints in OpenAI's shapes, with our fields beside theirs."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef
from billing.numbers import decimal_text
from mlworker.engine.contracts import CONTINUED_TIERS
from mlworker.engine.training.config import AUTO
from mlworker.jobs.continuing import checkpoint_is_models
from mlworker.jobs.contracts import (
    CHECKPOINT_PREFIX,
    EVENT_PREFIX,
    JOB_PREFIX,
    CheckpointInfo,
    Estimate,
    EventInfo,
    JobInfo,
    SuccessFee,
)
from mlworker.jobs.states import TERMINAL, EventKind, JobState
from tenants.datasets.contracts import VERSION_PREFIX


def unix(moment: datetime | None) -> int | None:
    """Return Unix seconds, as OpenAI writes time."""
    return None if moment is None else int(moment.timestamp())


def render_job(
    job: JobInfo, organization: OrganizationRef, *, brief: bool = False
) -> dict[str, Any]:
    """Return ``fine_tuning.job``; ``brief``, for lists, leaves out what a study has found."""
    hyperparameters = _hyperparameters(job)
    study = {} if brief else job.study
    return {
        "id": job.public_id,
        "object": "fine_tuning.job",
        "created_at": unix(job.created_at),
        "started_at": unix(job.started_at),
        "finished_at": unix(job.finished_at),
        "estimated_finish": unix(_estimated_finish(job)),
        "model": job.base,
        "fine_tuned_model": job.fine_tuned_model or None,
        "organization_id": public_id("org_", organization.id),
        "status": job.state.value,
        "phase": job.phase.value,
        "pausing": job.pausing,
        "is_terminal": job.state in TERMINAL,
        "hyperparameters": hyperparameters,
        "method": {"type": job.method, job.method: {"hyperparameters": hyperparameters}},
        "tier": job.tier,
        "preset": job.preset or None,
        "task": job.task or None,
        "seed": job.seed,
        "suffix": job.suffix or None,
        "user_provided_suffix": job.suffix or None,
        "training_file": job.training_file,
        "validation_file": job.validation_file or None,
        "dataset_version": _dataset_version(job),
        "result_files": [],
        "integrations": [],
        "metadata": dict(job.metadata),
        "trained_tokens": job.trained_tokens,
        "quoted_tokens": job.quoted_tokens,
        "max_charge": None if job.max_charge is None else f"{job.max_charge.normalize():f}",
        "cross_validation": _study(job.cross_validation, study, "cross_validation"),
        "search": _study(job.search, study, "search"),
        "attempt": job.attempt,
        "continue_from": job.continue_from or None,
        "outcome_contract": job.outcome_contract or None,
        "stops_at_tokens": job.token_limit,
        "queue_position": job.queue.place if job.queue else None,
        "estimated_start": unix(_estimated_start(job)),
        "progress": _progress(job.progress),
        "metrics": dict(job.metrics),
        "warnings": [asdict(warning) for warning in job.warnings],
        "error": _error(job),
    }


def _dataset_version(job: JobInfo) -> str | None:
    return public_id(VERSION_PREFIX, job.dataset_version_id) if job.dataset_version_id else None


def render_event(event: EventInfo) -> dict[str, Any]:
    """Return ``fine_tuning.job.event``; its type is ``message`` or ``metrics``, as at OpenAI."""
    return {
        "id": public_id(EVENT_PREFIX, event.id),
        "object": "fine_tuning.job.event",
        "created_at": unix(event.created_at),
        "level": event.level,
        "type": "metrics" if event.kind == EventKind.METRIC else "message",
        "code": event.code or None,
        "message": event.message,
        "data": dict(event.data),
    }


def render_checkpoint(checkpoint: CheckpointInfo, job: JobInfo) -> dict[str, Any]:
    """Return ``fine_tuning.job.checkpoint``."""
    return {
        "id": public_id(CHECKPOINT_PREFIX, checkpoint.id),
        "object": "fine_tuning.job.checkpoint",
        "created_at": unix(checkpoint.created_at),
        "fine_tuning_job_id": public_id(JOB_PREFIX, checkpoint.job_id),
        "fine_tuned_model_checkpoint": (
            f"{job.fine_tuned_model or job.public_id}:ckpt-step-{checkpoint.step}"
        ),
        "step_number": checkpoint.step,
        "epoch": checkpoint.epoch,
        "metrics": dict(checkpoint.metrics),
        "bytes": checkpoint.size,
        "continuable": (
            job.tier in CONTINUED_TIERS
            and job.state is not JobState.FAILED
            and checkpoint_is_models(
                checkpoint.metrics, studied=bool(job.cross_validation or job.search)
            )
        ),
    }


def render_estimate(estimate: Estimate) -> dict[str, Any]:
    """Return the answer of an estimate."""
    return {
        "object": "fine_tuning.job.estimate",
        "trained_tokens": estimate.trained_tokens,
        "price": f"{estimate.price.normalize():f}",
        "currency": estimate.currency,
        "seconds_p50": round(estimate.seconds_p50, 1),
        "seconds_p90": round(estimate.seconds_p90, 1),
        "allowed": estimate.allowed,
        "reason": estimate.reason,
        "exact": estimate.exact,
        "measured_jobs": estimate.measured_jobs,
        "device": estimate.device or None,
        "stops_at_tokens": estimate.stops_at_tokens,
        "warnings": [asdict(warning) for warning in estimate.warnings],
        "success_fee": _success_fee(estimate.success_fee),
    }


def _success_fee(fee: SuccessFee | None) -> dict[str, Any] | None:
    if fee is None:
        return None
    return {
        "contract": fee.contract,
        "amount": decimal_text(fee.amount),
        "currency": fee.currency,
        "held": fee.held,
    }


def _hyperparameters(job: JobInfo) -> dict[str, Any]:
    """What was asked for, with what *auto* came to; OpenAI's three names are always there."""
    config = job.config
    given = {k: v for k, v in job.hyperparameters.items() if v not in (None, AUTO)}
    return {
        **job.hyperparameters,
        "n_epochs": config.get("epochs", AUTO),
        "batch_size": AUTO,
        "learning_rate_multiplier": AUTO,
        **config,
        **given,
    }


def _study(
    asked: Mapping[str, Any] | None, study: Mapping[str, Any], name: str
) -> dict[str, Any] | None:
    """What was asked for, with what has been found so far."""
    return None if asked is None else {**asked, "result": study.get(name)}


def _progress(progress: Mapping[str, Any]) -> dict[str, Any]:
    empty = {
        "step": 0,
        "total": None,
        "epoch": 0.0,
        "rows_per_second": None,
        "eta_seconds": None,
    }
    return {**empty, **progress}


def _estimated_start(job: JobInfo) -> datetime | None:
    return clock.now() + timedelta(seconds=job.queue.seconds) if job.queue else None


def _estimated_finish(job: JobInfo) -> datetime | None:
    if job.queue and job.expected_seconds is not None:
        return clock.now() + timedelta(seconds=job.queue.seconds + job.expected_seconds)
    eta = job.progress.get("eta_seconds")
    if job.state is not JobState.RUNNING or not isinstance(eta, int | float):
        return None
    return clock.now() + timedelta(seconds=eta)


def _error(job: JobInfo) -> dict[str, Any] | None:
    return dict(job.error) if job.error else None
