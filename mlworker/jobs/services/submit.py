"""Submitting a job: row, price hold and doorbell in the caller's one transaction."""

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.prices.currency import DEFAULT
from mlworker.catalog.selectors import base_model_present
from mlworker.jobs.admission import job_admit
from mlworker.jobs.bargains import bargain_data_check, bargain_quote, bargain_strike
from mlworker.jobs.capping import job_quoter, tokens_allowed
from mlworker.jobs.continuing import Parent, data_fit, parent_apply, parent_find
from mlworker.jobs.contracts import JOB_PREFIX, Estimate, JobInfo, JobRequest, JobWarning
from mlworker.jobs.errors import (
    MaxChargeExceeded,
    MethodUnsupported,
    OutcomeJobUnfit,
    StudyUnfit,
)
from mlworker.jobs.forecasts import seconds_expected
from mlworker.jobs.hyperparameters import tier_checked
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.pricelist import list_price
from mlworker.jobs.quoting import Plan, needs_background, plan_make
from mlworker.jobs.ring import ring_validation
from mlworker.jobs.rows import event_add
from mlworker.jobs.selectors import job_info
from mlworker.jobs.sources import Source, source_find
from mlworker.jobs.states import JobState, Phase
from mlworker.jobs.studying import stretch
from mlworker.jobs.validation_rows import validation_apart, validation_fit, validation_overlap
from mlworker.jobs.warnings import cap_warning
from tenants.keys.selectors import key_maker_id

METHODS: Final = ("supervised", "classification")
MAX_SEED: Final = 2**31


def fine_tuning_job_submit(
    *, organization: OrganizationRef, actor: Actor, request: JobRequest
) -> JobInfo:
    """Create a job and hold its price.

    Data that is ready and short is checked and priced here, and the job is queued; everything else
    is read in the background first (``validating_files``). Refuses before anything is written:
    unknown model or data, unfit data or settings, a price above ``max_charge``, QuotaExhausted.
    """
    require_scope(organization)
    request, _ = _begun(organization, request)
    tier = _checked(request)
    source = source_find(organization=organization, reference=request.training_file)
    extra = _validation(organization, request)
    row = _new_row(organization, actor, request, tier)
    bargain_strike(row)
    if _ready_now(source) and (extra is None or _ready_now(extra)):
        row.save(force_insert=True)
        job_admit(row, source.required(), extra.required() if extra else None)
    else:
        row.rung_at = clock.now()
        row.save(force_insert=True)
        event_add(row, "Reading and validating the training file.", code="files.validating")
        row.save()
        ring_validation(organization=organization, job_id=row.id)
    audit_record(
        actor=actor,
        action="fine_tuning_job.create",
        target=public_id(JOB_PREFIX, row.id),
        detail={"model": request.model, "training_file": request.training_file, "tier": tier},
    )
    return job_info(row)


def fine_tuning_job_estimate(
    *, organization: OrganizationRef, actor: Actor, request: JobRequest
) -> Estimate:
    """Say what a job would cost and how long it would take, and whether the balance allows it."""
    require_scope(organization)
    request, parent = _begun(organization, request)
    tier = _checked(request)
    source = source_find(organization=organization, reference=request.training_file)
    extra = _validation(organization, request)
    plan = plan_make(
        organization=organization,
        version=source.required(),
        base=request.model,
        tier=tier,
        preset=request.preset,
        seed=request.seed or 0,
        hyperparameters=request.hyperparameters,
        study=request.study,
        sample=needs_background(source.required()),
    )
    version = plan.version
    validation = extra.version if extra else None
    if validation is not None:
        validation_fit(version, validation)
    warnings = data_fit(parent, task=version.task, labels=version.labels) if parent else []
    if validation is not None and not request.outcome_contract:
        validation_apart(version, validation)
        if not needs_background(version) and not needs_background(validation):
            warnings += validation_overlap(organization, version, validation)
    if not request.outcome_contract:
        return _estimate(organization, actor, request, plan, tier, warnings)
    with transaction.atomic():
        # The fee is held as the job's would be, then what the job costs is asked for, and both
        # are undone: a balance that covers either alone may not cover the two.
        row = _new_row(organization, actor, request, tier)
        fee, refusal = bargain_quote(row)
        bargain_data_check(row, version, validation)
        found = _estimate(organization, actor, request, plan, tier, warnings)
        transaction.set_rollback(True)
    reason = found.reason or refusal
    return replace(found, success_fee=fee, allowed=reason is None, reason=reason)


def _estimate(
    organization: OrganizationRef,
    actor: Actor,
    request: JobRequest,
    plan: Plan,
    tier: str,
    warnings: list[JobWarning],
) -> Estimate:
    dims = {"task": plan.version.task, "tier": tier}

    quote = job_quoter(
        organization=organization,
        dims=dims,
        api_key_id=actor.id if actor.kind == "api_key" else None,
        member_id=_member(organization, actor),
        max_charge=request.max_charge,
    )
    try:
        tokens, told, whole = tokens_allowed(plan, request.max_charge, quote)
        reason = told.refusal
    except MaxChargeExceeded as error:
        tokens, whole, reason = plan.trained_tokens, quote(plan.trained_tokens), error.code
    if tokens < plan.trained_tokens:
        warnings = [*warnings, cap_warning(tokens, plan.trained_tokens)]
    price, currency = whole.cost, whole.currency
    if price is None:
        # Nothing to pay with, or no holds are taken: what the rest costs by the list.
        rest = max(plan.trained_tokens - whole.available, Decimal(0))
        listed = list_price(organization=organization, tokens=rest, dims=dims)
        price, currency = listed.amount, listed.currency
    work = round(tokens * stretch(plan.study, tier))
    forecast = seconds_expected(base=request.model, tier=tier, tokens=work)
    return Estimate(
        trained_tokens=plan.trained_tokens,
        price=price,
        currency=currency or DEFAULT,
        seconds_p50=forecast.seconds_p50,
        seconds_p90=forecast.seconds_p90,
        allowed=reason is None,
        reason=reason,
        exact=plan.exact,
        measured_jobs=forecast.measured_jobs,
        device=forecast.device,
        stops_at_tokens=tokens if tokens < plan.trained_tokens else None,
        warnings=tuple(warnings),
    )


def _begun(organization: OrganizationRef, request: JobRequest) -> tuple[JobRequest, Parent | None]:
    """Take from what is to be continued, if anything is, what follows from it."""
    if not request.continue_from:
        return request, None
    if request.outcome_contract:
        raise OutcomeJobUnfit(param="continue_from")
    parent = parent_find(organization=organization, reference=request.continue_from)
    return parent_apply(request, parent), parent


def _checked(request: JobRequest) -> str:
    base_model_present(request.model, param="model")
    if request.method not in METHODS:
        raise MethodUnsupported(
            f"The method '{request.method[:40]}' is not offered: use {METHODS[0]}.",
            param="method.type",
        )
    study = request.study
    if request.continue_from and (study.folds or study.trials):
        raise StudyUnfit(
            "Folds and trials begin with the base: the weights of continue_from have seen the rows "
            "that a fold holds out, and trials say little of other weights than the base's. Leave "
            "continue_from out, or cross_validation and search.",
            param="continue_from",
        )
    return tier_checked(request.tier, request.preset)


def _validation(organization: OrganizationRef, request: JobRequest) -> Source | None:
    if not request.validation_file:
        return None
    return source_find(
        organization=organization, reference=request.validation_file, param="validation_file"
    )


def _ready_now(source: Source) -> bool:
    return source.version is not None and not needs_background(source.version)


def _member(organization: OrganizationRef, actor: Actor) -> UUID | None:
    """Return the person behind the actor: for a key, who made it."""
    if actor.kind == "api_key" and actor.id is not None:
        return key_maker_id(organization=organization, key_id=actor.id)
    return actor.id if actor.kind == "user" else None


def _new_row(
    organization: OrganizationRef, actor: Actor, request: JobRequest, tier: str
) -> FineTuningJob:
    return FineTuningJob(
        id=uuid7(),
        organization_id=organization.id,
        organization_slug=organization.slug,
        state=JobState.VALIDATING,
        phase=Phase.READING_FILES,
        created_by=actor.label,
        api_key_id=actor.id if actor.kind == "api_key" else None,
        member_id=_member(organization, actor),
        base=request.model,
        tier=tier,
        preset=request.preset,
        suffix=request.suffix,
        seed=secrets.randbelow(MAX_SEED) if request.seed is None else request.seed,
        method=request.method,
        hyperparameters=dict(request.hyperparameters),
        metadata=dict(request.metadata),
        training_file=request.training_file,
        validation_file=request.validation_file,
        max_charge=request.max_charge,
        cross_validation={"folds": request.study.folds} if request.study.folds else None,
        search=_search(request),
        continue_from=request.continue_from,
        outcome_contract=request.outcome_contract,
    )


def _search(request: JobRequest) -> dict[str, Any] | None:
    study = request.study
    if not study.trials:
        return None
    limit = study.max_charge
    return {"trials": study.trials, "max_charge": None if limit is None else str(limit)}
