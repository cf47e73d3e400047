"""Tries to collect: their rows are committed before the provider is asked, and so survive it."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.services import dunning_wait, invoice_payable
from billing.ledger import functions
from billing.payments.contracts import (
    UNANSWERED,
    AttemptInfo,
    AttemptState,
    ChargeWanted,
    ProviderIntent,
)
from billing.payments.errors import (
    AmountInvalid,
    InvoicePaidAlready,
    PaymentOpen,
    ProviderLocked,
    ProviderRefused,
)
from billing.payments.models import PaymentAttempt
from billing.payments.provider import Provider, provider_current
from billing.payments.provider.amounts import chargeable
from billing.payments.rows import attempt_info
from billing.payments.services.customers import card_default_ref, customer_gone, customer_ref
from billing.payments.services.pages import page_close
from billing.payments.services.settling import attempt_fail, intent_settle
from billing.prices.currency import least_charge
from tenants.accounts.selectors import due_of

logger = logging.getLogger(__name__)

AGAIN: Final = timedelta(minutes=1)
"""When an answer that did not come is asked for again."""
GIVE_UP: Final = timedelta(hours=23)
"""A provider knows a key for a day: asked later, it would collect twice."""
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt to ask the provider about, with what the asking needs; of a page without card."""

    id: UUID
    key: str
    card: str
    amount_minor: int
    currency: str


def invoice_collect(
    *, organization: OrganizationRef, invoice_id: UUID, automatic: bool
) -> AttemptInfo:
    """Collect what is due on an invoice from the organization's card. Opens its own scopes.

    A page that is open for it is closed first: what was paid there until then counts. Raises
    InvoiceUnknown, InvoicePaidAlready, CardNeeded, PaymentOpen, ProviderAway.
    """
    provider = provider_current()
    for _ in range(2):
        with tenant_scope(organization):
            claim = invoice_claim(organization, invoice_id, automatic=automatic)
        if claim.card:
            return attempt_ask(organization, provider, claim)
        page_close(organization, provider, claim.id)
    raise PaymentOpen


def invoice_claim(
    organization: OrganizationRef, invoice_id: UUID, *, automatic: bool, page: bool = False
) -> Claim:
    """Return the invoice's open attempt, or begin its next; the last look before money moves.

    ``page``: it will be paid on a page, which needs no card yet.
    """
    functions.account_open(organization_id=organization.id)
    due = invoice_payable(organization=organization, invoice_id=invoice_id)
    if not due.amount_due_minor:
        raise InvoicePaidAlready
    tries = PaymentAttempt.objects.filter(organization_id=organization.id, invoice_id=invoice_id)
    row = tries.filter(state=AttemptState.OPEN).first()
    if row is None:
        if due.amount_due_minor < least_charge(due.currency):
            raise AmountInvalid("This is less than a card can pay: pay it by other ways.")
        number = tries.count() + 1
        row = PaymentAttempt(
            organization_id=organization.id,
            invoice_id=invoice_id,
            amount_minor=chargeable(due.amount_due_minor, due.currency),
            currency=due.currency,
            key=f"invoice:{invoice_id}:{number}",
            number=number,
            card_ref="" if page else card_default_ref(organization),
            automatic=automatic,
            asked_at=clock.now(),
        )
        row.save(force_insert=True)
        if row.card_ref:
            dunning_wait(organization=organization, invoice_id=invoice_id, at=row.asked_at)
    return claim_of(row)


def claim_of(row: PaymentAttempt) -> Claim:
    """Return what asking about an attempt needs."""
    return Claim(row.id, row.key, row.card_ref, row.amount_minor, row.currency)


def attempt_ask(organization: OrganizationRef, provider: Provider, claim: Claim) -> AttemptInfo:
    """Let the provider collect an attempt, and book its answer. Opens its own scopes.

    Asked again with the same attempt the provider answers what it answered. Raises ProviderAway,
    after which the attempt stays open and is asked for again.
    """
    customer = customer_ref(organization, provider)
    wanted = ChargeWanted(
        customer=customer,
        card=claim.card,
        amount_minor=claim.amount_minor,
        currency=claim.currency,
        key=f"{organization.id}:{claim.key}",
        attempt_id=claim.id,
    )
    try:
        intent: ProviderIntent | None = provider.charge(wanted)
    except AmountInvalid as error:
        intent, refusal = None, error.code
    except ProviderLocked as error:
        _refused(organization, claim, str(error.__cause__))
        raise
    except ProviderRefused as error:
        customer_gone(organization, provider, customer)
        _refused(organization, claim, error.text)
        intent, refusal = None, error.code
    with tenant_scope(organization):
        functions.account_open(organization_id=organization.id)
        if intent is not None:
            intent_settle(organization=organization, intent=intent)
        row = PaymentAttempt.objects.get(organization_id=organization.id, id=claim.id)
        if intent is None:
            attempt_fail(organization=organization, row=row, failure=refusal)
        return attempt_info(row)


def _refused(organization: OrganizationRef, claim: Claim, text: str) -> None:
    """Keep for the operator what the provider said of the set-up."""
    logger.error("payment refused: %s", text, extra={"attempt": str(claim.id)})
    with tenant_scope(organization):
        mine = PaymentAttempt.objects.filter(organization_id=organization.id, id=claim.id)
        mine.update(refusal=text[:500])


def attempts_due(*, after: UUID) -> list[Due]:
    """Return attempts whose answer did not come, by id after ``after``. System scope."""
    rows = PaymentAttempt.objects.filter(
        id__gt=after,
        state=AttemptState.OPEN,
        asked_at__lte=clock.now() - AGAIN,
    ).exclude(card_ref="")
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:_BATCH])


def attempt_again(*, organization: OrganizationRef, attempt_id: UUID) -> None:
    """Ask once more for an answer that did not come. Opens its own scopes."""
    with tenant_scope(organization):
        functions.account_open(organization_id=organization.id)
        row = PaymentAttempt.objects.filter(
            organization_id=organization.id, id=attempt_id, state=AttemptState.OPEN
        ).first()
        if row is None:
            return
        over = row.created_at < clock.now() - GIVE_UP
        if over and not row.intent_ref:
            attempt_fail(organization=organization, row=row, failure=UNANSWERED)
            return
        row.asked_at = clock.now()
        row.save(update_fields=["asked_at"])
        claim, intent_ref = claim_of(row), row.intent_ref
    provider = provider_current()
    if not intent_ref:
        attempt_ask(organization, provider, claim)
        return
    intent = provider.intent_read(intent_ref)
    with tenant_scope(organization):
        settled = intent_settle(organization=organization, intent=intent)
        if over and settled is not None:
            # Only half made at the provider, it would wait for ever; paid later it still counts.
            attempt_fail(organization=organization, row=settled, failure=UNANSWERED)
