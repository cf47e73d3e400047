"""Questions to outcomes."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import InvoiceInfo
from billing.invoices.rows import invoice_info
from billing.invoices.selectors import invoices_rows
from billing.invoices.services import item_get
from billing.outcomes.contracts import (
    ContractInfo,
    OutcomeInfo,
    OutcomeKind,
    OutcomeState,
    Payment,
    PolicyInfo,
    StepInfo,
    source_of,
)
from billing.outcomes.errors import OutcomeContractUnknown, OutcomePolicyUnknown, OutcomeUnknown
from billing.outcomes.models import Outcome, OutcomeContract, OutcomePolicyVersion, OutcomeStep
from billing.outcomes.rows import contract_info, outcome_info, policy_info, step_info
from tenants.accounts.selectors import due_of

_BATCH: Final = 200
_COUNTED_FOR: Final = timedelta(days=30)


def policies_offered() -> tuple[PolicyInfo, ...]:
    """Return the newest published version of each policy on offer, by code."""
    rows = (
        OutcomePolicyVersion.objects.filter(published_at__isnull=False, policy__public=True)
        .select_related("policy")
        .order_by("policy__code", "-version")
        .distinct("policy__code")
    )
    return tuple(policy_info(row) for row in rows)


def policy_offered(*, code: str) -> PolicyInfo:
    """Return the version of a policy that is on offer. Raises OutcomePolicyUnknown."""
    for policy in policies_offered():
        if policy.code == code:
            return policy
    raise OutcomePolicyUnknown(param="policy")


def contracts_rows(*, organization: OrganizationRef) -> QuerySet[OutcomeContract]:
    """Return the contracts, their terms fetched with them, for a page."""
    require_scope(organization)
    rows: QuerySet[OutcomeContract] = OutcomeContract.objects.filter(
        organization_id=organization.id
    ).select_related("policy_version")
    return rows


def contract_get(*, organization: OrganizationRef, contract_id: UUID) -> ContractInfo:
    """Return a contract. Raises OutcomeContractUnknown."""
    row = contracts_rows(organization=organization).filter(id=contract_id).first()
    if row is None:
        raise OutcomeContractUnknown
    return contract_info(row)


def contract_following(
    *, organization: OrganizationRef, contract: ContractInfo
) -> ContractInfo | None:
    """Return the next contract about what an ended one was about, None where there is none."""
    rows = contracts_rows(organization=organization).filter(
        kind=contract.kind.value, subject=contract.subject, accepted_at__gte=contract.ended_at
    )
    row = rows.exclude(id=contract.id).order_by("accepted_at", "id").first()
    return contract_info(row) if row else None


def contracts_counted(*, kind: OutcomeKind, at: datetime, after: UUID) -> list[Due]:
    """Return contracts in force, or ended so lately that a day of theirs may not be counted.

    By id after ``after``. System scope.
    """
    rows = OutcomeContract.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=at - _COUNTED_FOR), id__gt=after, kind=kind.value
    )
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:_BATCH])


def outcomes_due(*, kind: OutcomeKind, at: datetime, after: UUID) -> list[Due]:
    """Return what is to be settled by ``at``, by id after ``after``. System scope."""
    rows = Outcome.objects.filter(
        id__gt=after, kind=kind.value, state=OutcomeState.PENDING.value, settle_at__lte=at
    )
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:_BATCH])


def outcomes_rows(
    *,
    organization: OrganizationRef,
    contract_id: UUID | None = None,
    state: OutcomeState | None = None,
) -> QuerySet[Outcome]:
    """Return outcomes, of one contract or in one state, for a page."""
    require_scope(organization)
    rows: QuerySet[Outcome] = Outcome.objects.filter(organization_id=organization.id)
    if contract_id is not None:
        rows = rows.filter(contract_id=contract_id)
    return rows if state is None else rows.filter(state=state.value)


def outcome_get(*, organization: OrganizationRef, outcome_id: UUID) -> OutcomeInfo:
    """Return an outcome. Raises OutcomeUnknown."""
    row = outcomes_rows(organization=organization).filter(id=outcome_id).first()
    if row is None:
        raise OutcomeUnknown
    return outcome_info(row)


def outcome_invoice(*, organization: OrganizationRef, outcome: OutcomeInfo) -> InvoiceInfo | None:
    """Return the invoice that asks for an outcome, None where none does or none was made yet."""
    if outcome.payment is not Payment.INVOICE:
        return None
    item = item_get(organization=organization, source=source_of(outcome.id))
    if item.invoice_id is None:
        return None
    row = invoices_rows(organization=organization).filter(id=item.invoice_id).first()
    return invoice_info(row) if row else None


def outcome_steps(*, organization: OrganizationRef, outcome_id: UUID) -> tuple[StepInfo, ...]:
    """Return an outcome's steps, oldest first."""
    require_scope(organization)
    rows = OutcomeStep.objects.filter(organization_id=organization.id, outcome_id=outcome_id)
    return tuple(step_info(row) for row in rows.order_by("id"))
