"""A job under a success fee's contract: its rows, its judgement, and what becomes of the fee.

Every function does nothing for a job without a contract.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from anneal.kernel.ids import parse_id, public_id
from billing.outcomes.contracts import CONTRACT_PREFIX, OutcomeKind
from billing.outcomes.selectors import contract_get
from billing.outcomes.services import (
    NO_MONEY,
    by_invoice,
    outcome_confirm,
    outcome_offer,
    outcome_reverse,
)
from billing.outcomes.terms import beats
from mlworker.jobs.contracts import JOB_PREFIX, SuccessFee
from mlworker.jobs.errors import OutcomeJobUnfit
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.rows import event_add, owner_of
from tenants.datasets.contracts import DatasetVersionInfo
from tenants.datasets.sealing import sealed_rows_absent, sealed_version_id
from tenants.datasets.selectors import dataset_version_get

if TYPE_CHECKING:
    from mlworker.jobs.working import StoredReport


def bargain_strike(row: FineTuningJob) -> None:
    """Offer the fee as the job is created, and hold it where it is paid in advance.

    OutcomeContractUnknown, OutcomeContractEnded, OutcomeContractUnfit, QuotaExhausted.
    """
    if not row.outcome_contract:
        return
    outcome_offer(
        organization=owner_of(row),
        contract_id=_contract_id(row),
        subject=_subject(row),
        evidence={"job": _subject(row), "base": row.base, "tier": row.tier},
    )


def bargain_quote(row: FineTuningJob) -> tuple[SuccessFee | None, str | None]:
    """Say what the fee would be, and why it could not be held, if it could not.

    The offer is made as for a job, and stands until the caller's transaction is undone: what the
    job itself costs is then quoted beside the fee.
    """
    if not row.outcome_contract:
        return None, None
    refusal = None
    try:
        bargain_strike(row)
    except NO_MONEY as error:
        refusal = error.code
    terms = contract_get(organization=owner_of(row), contract_id=_contract_id(row)).terms
    fee = SuccessFee(
        contract=row.outcome_contract,
        amount=terms.price,
        currency=terms.currency,
        held=not by_invoice(owner_of(row), terms.currency),
    )
    return fee, refusal


def bargain_data_check(
    row: FineTuningJob, version: DatasetVersionInfo, validation: DatasetVersionInfo | None
) -> None:
    """Refuse data that has sealed rows, or that they do not fit. RowsSealed, OutcomeJobUnfit."""
    sealed = bargain_rows(row)
    if sealed is None:
        return
    if sealed.task != version.task or not set(sealed.labels) <= set(version.labels):
        raise OutcomeJobUnfit(
            "The sealed rows have another task, or labels that the training file has not.",
            param="training_file",
        )
    sealed_rows_absent(
        organization=owner_of(row), sealed_id=sealed.id, version=version, validation=validation
    )


def bargain_rows(row: FineTuningJob) -> DatasetVersionInfo | None:
    """Return the version whose sealed rows judge the model."""
    if not row.outcome_contract:
        return None
    version_id = sealed_version_id(organization=owner_of(row), holder=row.outcome_contract)
    if version_id is None:
        raise OutcomeJobUnfit(param="outcome_contract")
    return dataset_version_get(organization=owner_of(row), version_id=version_id)


def bargain_judge(row: FineTuningJob, report: "StoredReport | None") -> None:
    """Confirm the fee if the report on the sealed rows says that it is earned, else drop it."""
    if not row.outcome_contract:
        return
    terms = contract_get(organization=owner_of(row), contract_id=_contract_id(row)).terms
    verdict: Mapping[str, Any] = report.verdict if report is not None else {}
    earned = beats(terms.margin, terms.level, verdict.get("difference"), verdict.get("p_value"))
    evidence = {
        "job": _subject(row),
        "model": row.fine_tuned_model,
        "report_sha256": report.report.sha256 if report is not None else None,
        "predictions_sha256": report.predictions.sha256 if report is not None else None,
        "sealed_rows": bool(verdict),
        "margin": f"{terms.margin.normalize():f}",
        "level": f"{terms.level.normalize():f}",
        **{name: verdict.get(name) for name in _TOLD},
    }
    if earned:
        outcome_confirm(
            organization=owner_of(row),
            kind=OutcomeKind.SUCCESS_FEE,
            subject=_subject(row),
            evidence=evidence,
        )
        event_add(
            row, "The model beats the best baseline: the success fee is owed.", code="outcome.owed"
        )
        return
    reason = "The model does not beat the best baseline enough."
    _drop(row, {"reason": reason, "cause": "not_enough", **evidence})
    event_add(
        row,
        "The model does not beat the best baseline enough: no success fee.",
        code="outcome.none",
    )


def bargain_off(row: FineTuningJob, reason: str, *, cause: str) -> None:
    """Drop the fee of a job that left no model; ``cause`` is what pages say the reason by."""
    if row.outcome_contract:
        _drop(row, {"reason": reason, "cause": cause, "job": _subject(row)})


def _drop(row: FineTuningJob, evidence: Mapping[str, Any]) -> None:
    outcome_reverse(
        organization=owner_of(row),
        kind=OutcomeKind.SUCCESS_FEE,
        subject=_subject(row),
        evidence=evidence,
    )


def _contract_id(row: FineTuningJob) -> UUID:
    return parse_id(CONTRACT_PREFIX, row.outcome_contract)


def _subject(row: FineTuningJob) -> str:
    return public_id(JOB_PREFIX, row.id)


_TOLD = ("baseline", "value", "difference", "p_value", "method", "model_only", "baseline_only")
