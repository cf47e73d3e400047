"""Submitting a job: row, price hold and doorbell in the caller's one transaction."""

import secrets
from typing import Any, Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import QuotaExhausted
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger.selectors import account_get, balance_get
from billing.prices.services import price_quote
from mlworker.catalog.selectors import base_model_present
from mlworker.jobs.admission import job_admit
from mlworker.jobs.contracts import JOB_PREFIX, METER, Estimate, JobInfo, JobRequest
from mlworker.jobs.errors import MaxChargeExceeded, MethodUnsupported
from mlworker.jobs.hyperparameters import tier_checked
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.quoting import Plan, needs_background, plan_make
from mlworker.jobs.ring import ring_validation
from mlworker.jobs.rows import event_add
from mlworker.jobs.selectors import job_info, seconds_expected
from mlworker.jobs.sources import Source, source_find
from mlworker.jobs.states import JobState, Phase
from mlworker.jobs.studying import stretch
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
    tier = _checked(request)
    source = source_find(organization=organization, reference=request.training_file)
    extra = None
    if request.validation_file:
        extra = source_find(
            organization=organization, reference=request.validation_file, param="validation_file"
        )
    row = _new_row(organization, actor, request, tier)
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


def fine_tuning_job_estimate(*, organization: OrganizationRef, request: JobRequest) -> Estimate:
    """Say what a job would cost and how long it would take, and whether the balance allows it."""
    require_scope(organization)
    tier = _checked(request)
    source = source_find(organization=organization, reference=request.training_file)
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
    return _estimate(organization, request, plan, tier)


def _estimate(
    organization: OrganizationRef, request: JobRequest, plan: Plan, tier: str
) -> Estimate:
    dims = {"task": plan.version.task, "tier": tier}
    quote = price_quote(
        meter=METER, units=plan.trained_tokens, organization=organization, dims=dims
    )
    p50, p90 = seconds_expected(
        base=request.model, tier=tier, tokens=round(plan.trained_tokens * stretch(plan.study, tier))
    )
    reason = None
    if not _covered(organization, plan.trained_tokens, dims):
        reason = QuotaExhausted.code
    elif request.max_charge is not None and quote.amount > request.max_charge:
        reason = MaxChargeExceeded.code
    return Estimate(
        trained_tokens=plan.trained_tokens,
        price=quote.amount,
        currency=quote.currency,
        seconds_p50=p50,
        seconds_p90=p90,
        allowed=reason is None,
        reason=reason,
        exact=plan.exact,
    )


def _checked(request: JobRequest) -> str:
    base_model_present(request.model, param="model")
    if request.method not in METHODS:
        raise MethodUnsupported(
            f"The method '{request.method[:40]}' is not offered: use {METHODS[0]}.",
            param="method.type",
        )
    return tier_checked(request.tier, request.preset)


def _ready_now(source: Source) -> bool:
    return source.version is not None and not needs_background(source.version)


def _member(organization: OrganizationRef, actor: Actor) -> UUID | None:
    """Return the person behind the actor: for a key, who made it."""
    if actor.kind == "api_key" and actor.id is not None:
        return key_maker_id(organization=organization, key_id=actor.id)
    return actor.id if actor.kind == "user" else None


def _covered(organization: OrganizationRef, tokens: int, dims: dict[str, str]) -> bool:
    """Say whether grants, and money at today's price for the rest, cover so many tokens."""
    rest = tokens - balance_get(organization=organization, unit=METER).available
    if rest <= 0:
        return True
    currency = account_get(organization=organization).currency
    if not currency:
        return False
    quote = price_quote(meter=METER, units=rest, organization=organization, dims=dims)
    money = balance_get(organization=organization, unit=currency).available
    return quote.currency == currency and quote.amount <= money


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
    )


def _search(request: JobRequest) -> dict[str, Any] | None:
    study = request.study
    if not study.trials:
        return None
    limit = study.max_charge
    return {"trials": study.trials, "max_charge": None if limit is None else str(limit)}
