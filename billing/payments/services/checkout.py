"""Pages at the provider: to buy credit, to pay an invoice, to save a card, to go on a plan."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger import functions
from billing.payments.contracts import AttemptState, CheckoutInfo, Purpose
from billing.payments.errors import CheckoutInvalid, CheckoutMismatch, PaymentOpen
from billing.payments.limits import amount_read, currency_of
from billing.payments.models import CheckoutSession, PaymentAttempt
from billing.payments.provider import provider_current
from billing.payments.rows import checkout_info
from billing.payments.services.attempts import invoice_claim
from billing.payments.services.pages import page_ask, page_close
from billing.plans.selectors import plan_version_current

_PAGE: Final = timedelta(hours=24)
"""How long a page is open, as Stripe's are unless told otherwise."""


@dataclass(frozen=True, slots=True)
class CheckoutWanted:
    """What a customer asks a page for."""

    purpose: Purpose
    return_path: str
    amount: Decimal | None = None
    currency: str = ""
    plan: str = ""
    time_zone: str = ""
    invoice_id: UUID | None = None

    @property
    def content_hash(self) -> str:
        """Return a digest: a key may be used again for the same alone."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def checkout_open(
    *, organization: OrganizationRef, actor: Actor, wanted: CheckoutWanted, key: str
) -> CheckoutInfo:
    """Open a page, once per ``key``. Opens its own scopes.

    Raises CheckoutInvalid, CheckoutMismatch, AmountInvalid, InvoiceUnknown, InvoicePaidAlready,
    PlanUnknown, PaymentOpen, ProviderAway, ProviderRefused.
    """
    provider = provider_current()
    for _ in range(2):
        with tenant_scope(organization):
            row, busy = _row(organization, actor, wanted, key)
        if row is not None:
            return checkout_info(page_ask(organization, provider, row))
        if busy is None:
            break
        page_close(organization, provider, busy)
    raise PaymentOpen


def _row(
    organization: OrganizationRef, actor: Actor, wanted: CheckoutWanted, key: str
) -> tuple[CheckoutSession | None, UUID | None]:
    """Return the key's checkout, new or known; else the try whose page pays the invoice already."""
    functions.account_open(organization_id=organization.id)
    # Its attempt is read after the scope: it is fetched with it.
    mine = CheckoutSession.objects.filter(organization_id=organization.id, key=key)
    known = mine.select_related("attempt").first()
    if known is not None:
        if known.content_hash != wanted.content_hash:
            raise CheckoutMismatch
        return known, None
    attempt: PaymentAttempt | None = None
    if wanted.purpose == Purpose.INVOICE:
        if wanted.invoice_id is None:
            raise CheckoutInvalid(param="invoice")
        claim = invoice_claim(organization, wanted.invoice_id, automatic=False, page=True)
        attempt = PaymentAttempt.objects.get(organization_id=organization.id, id=claim.id)
        if claim.card:
            return None, None
        if CheckoutSession.objects.filter(attempt=attempt).exists():
            return None, claim.id
    elif wanted.purpose == Purpose.TOP_UP:
        attempt = _top_up(organization, wanted, key)
    elif wanted.purpose == Purpose.PLAN:
        plan_version_current(code=wanted.plan, public_only=True)
    return _row_new(organization, actor, wanted, key, attempt), None


def _top_up(organization: OrganizationRef, wanted: CheckoutWanted, key: str) -> PaymentAttempt:
    currency = currency_of(organization, wanted.currency)
    if wanted.amount is None:
        raise CheckoutInvalid(param="amount")
    digest = hashlib.sha256(key.encode()).hexdigest()
    row = PaymentAttempt(
        organization_id=organization.id,
        amount_minor=amount_read(wanted.amount, currency),
        currency=currency,
        key=f"top_up:{digest}",
        state=AttemptState.OPEN.value,
        asked_at=clock.now(),
    )
    row.save(force_insert=True)
    return row


def _row_new(
    organization: OrganizationRef,
    actor: Actor,
    wanted: CheckoutWanted,
    key: str,
    attempt: PaymentAttempt | None,
) -> CheckoutSession:
    row = CheckoutSession(
        organization_id=organization.id,
        purpose=wanted.purpose.value,
        key=key,
        content_hash=wanted.content_hash,
        attempt=attempt,
        plan=wanted.plan,
        time_zone=wanted.time_zone,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        return_path=wanted.return_path,
        expires_at=clock.now() + _PAGE,
    )
    row.save(force_insert=True)
    audit_record(
        actor=actor,
        action="checkout.open",
        target=public_id("cs_", row.id),
        detail={"purpose": row.purpose, "plan": row.plan},
        organization=organization,
    )
    return row
