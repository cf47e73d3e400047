"""Contracts: read as a quote, accepted by its hash, ended."""

from uuid import UUID

from django.db import IntegrityError, transaction

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger.selectors import account_get
from billing.outcomes.contracts import (
    CONTRACT_PREFIX,
    ContractInfo,
    ContractQuote,
    OutcomeKind,
    OutcomeState,
)
from billing.outcomes.errors import (
    OutcomeContractBusy,
    OutcomeContractEnded,
    OutcomeContractExists,
    OutcomeContractUnknown,
    OutcomeCurrency,
    OutcomeTermsChanged,
)
from billing.outcomes.models import Outcome, OutcomeContract
from billing.outcomes.rows import contract_info
from billing.outcomes.selectors import policy_offered
from billing.outcomes.subjects import subject_port
from billing.outcomes.terms import document_of, hash_of


def outcome_contract_quote(
    *, organization: OrganizationRef, policy: str, subject: str
) -> ContractQuote:
    """Return the terms of a contract about ``subject`` as they would be accepted now.

    Raises OutcomePolicyUnknown, OutcomeCurrency, and what finding the subject raises.
    """
    require_scope(organization)
    offered = policy_offered(code=policy)
    account = account_get(organization=organization)
    if account.currency not in ("", offered.terms.currency):
        raise OutcomeCurrency(param="policy")
    facts = subject_port(offered.kind).facts(organization, subject)
    document = document_of(offered, subject, facts)
    return ContractQuote(offered, subject, document, hash_of(document))


def outcome_contract_accept(
    *, organization: OrganizationRef, actor: Actor, policy: str, subject: str, terms_hash: str
) -> ContractInfo:
    """Accept the terms that ``terms_hash`` names; they bind from now on.

    Raises what a quote does, OutcomeTermsChanged, OutcomeContractExists.
    """
    quote = outcome_contract_quote(organization=organization, policy=policy, subject=subject)
    if terms_hash != quote.terms_hash:
        raise OutcomeTermsChanged(param="terms_hash")
    row = OutcomeContract(
        organization_id=organization.id,
        policy_version_id=quote.policy.id,
        kind=quote.policy.kind.value,
        subject=subject,
        document=dict(quote.document),
        terms_hash=terms_hash,
        accepted_by=actor.label,
        accepted_at=clock.now(),
    )
    try:
        with transaction.atomic():  # a savepoint: the open transaction survives a second one
            row.save(force_insert=True)
    except IntegrityError:
        raise OutcomeContractExists(param="subject") from None
    subject_port(quote.policy.kind).begin(organization, row.id, subject)
    audit_record(
        actor=actor,
        action="outcome_contract.accept",
        target=public_id(CONTRACT_PREFIX, row.id),
        detail={"policy": policy, "subject": subject, "terms_hash": terms_hash},
        organization=organization,
    )
    return contract_info(row)


def outcome_contract_end(
    *, organization: OrganizationRef, actor: Actor, contract_id: UUID
) -> ContractInfo:
    """Let nothing new happen under a contract; what happened is settled as it says.

    Raises OutcomeContractUnknown, OutcomeContractEnded, OutcomeContractBusy.
    """
    require_scope(organization)
    row = contract_locked(organization, contract_id)
    pending = Outcome.objects.filter(contract=row, state=OutcomeState.PENDING)
    if row.kind == OutcomeKind.SUCCESS_FEE and pending.exists():
        raise OutcomeContractBusy
    row.ended_by, row.ended_at = actor.label, clock.now()
    row.save(update_fields=["ended_by", "ended_at"])
    subject_port(OutcomeKind(row.kind)).end(organization, row.id, row.subject)
    audit_record(
        actor=actor,
        action="outcome_contract.end",
        target=public_id(CONTRACT_PREFIX, row.id),
        detail={"subject": row.subject},
        organization=organization,
    )
    return contract_info(row)


def contract_locked(organization: OrganizationRef, contract_id: UUID) -> OutcomeContract:
    """Return a contract in force, locked. Raises OutcomeContractUnknown, OutcomeContractEnded."""
    row: OutcomeContract | None = (
        OutcomeContract.objects.select_related("policy_version__policy")
        .select_for_update(of=("self",))
        .filter(organization_id=organization.id, id=contract_id)
        .first()
    )
    if row is None:
        raise OutcomeContractUnknown
    if row.ended_at is not None:
        raise OutcomeContractEnded
    return row
