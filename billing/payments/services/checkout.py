"""Pages at the provider: to buy credit, to pay an invoice, to save a card, to go on a plan."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger import functions
from billing.payments.contracts import (
    AttemptState,
    CheckoutInfo,
    CheckoutState,
    ProviderSession,
    Purpose,
    SessionWanted,
)
from billing.payments.errors import CheckoutInvalid, CheckoutMismatch, PaymentOpen
from billing.payments.limits import amount_read, currency_of
from billing.payments.models import CheckoutSession, PaymentAttempt
from billing.payments.provider import Provider, provider_current
from billing.payments.rows import checkout_info
from billing.payments.services.attempts import Claim, invoice_claim, page_close
from billing.payments.services.customers import customer_ref
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
    language: str = "auto"

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
    PlanUnknown, PaymentOpen, ProviderAway.
    """
    provider = provider_current()
    customer = customer_ref(organization, provider)
    for _ in range(2):
        with tenant_scope(organization):
            row, busy = _row(organization, actor, wanted, key)
        if row is not None:
            return _with_page(organization, provider, customer, row, wanted)
        if not busy:
            break
        page_close(organization, provider, busy)
    raise PaymentOpen


def _row(
    organization: OrganizationRef, actor: Actor, wanted: CheckoutWanted, key: str
) -> tuple[CheckoutSession | None, str]:
    """Return the key's checkout, new or known; else the page that pays the invoice already."""
    functions.account_open(organization_id=organization.id)
    # Its attempt is read after the scope: it is fetched with it.
    mine = CheckoutSession.objects.filter(organization_id=organization.id, key=key)
    known = mine.select_related("attempt").first()
    if known is not None:
        if known.content_hash != wanted.content_hash:
            raise CheckoutMismatch
        return known, ""
    attempt: PaymentAttempt | None = None
    if wanted.purpose == Purpose.INVOICE:
        if wanted.invoice_id is None:
            raise CheckoutInvalid(param="invoice")
        claim = invoice_claim(organization, wanted.invoice_id, automatic=False, page=True)
        attempt = PaymentAttempt.objects.get(organization_id=organization.id, id=claim.id)
        if _is_busy(organization, claim):
            return None, claim.session
    elif wanted.purpose == Purpose.TOP_UP:
        attempt = _top_up(organization, wanted, key)
    elif wanted.purpose == Purpose.PLAN:
        plan_version_current(code=wanted.plan, public_only=True)
    return _row_new(organization, actor, wanted, key, attempt), ""


def _is_busy(organization: OrganizationRef, claim: Claim) -> bool:
    """Say whether an attempt is a card's, or another page's."""
    pages = CheckoutSession.objects.filter(
        organization_id=organization.id, attempt_id=claim.id, state=CheckoutState.OPEN
    )
    return bool(claim.card or claim.session or pages.exists())


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


def _with_page(
    organization: OrganizationRef,
    provider: Provider,
    customer: str,
    row: CheckoutSession,
    wanted: CheckoutWanted,
) -> CheckoutInfo:
    """Ask for the row's page, again if the first answer was lost, and keep it."""
    if row.ref:
        return checkout_info(row)
    back = f"{settings.ANNEAL_SITE_URL}{row.return_path}"
    join = "&" if "?" in back else "?"
    attempt = row.attempt
    page = provider.session_open(
        SessionWanted(
            customer=customer,
            success_url=f"{back}{join}checkout={public_id('cs_', row.id)}",
            cancel_url=back,
            key=f"checkout:{row.id}",
            checkout_id=row.id,
            attempt_id=attempt.id if attempt else None,
            amount_minor=attempt.amount_minor if attempt else 0,
            currency=attempt.currency if attempt else "",
            label="Anneal",
            locale=wanted.language,
            own_page=f"{settings.ANNEAL_SITE_URL}/o/{organization.slug}/billing/demo-checkout"
            f"/{public_id('cs_', row.id)}",
        )
    )
    with tenant_scope(organization):
        return _page_keep(organization, row, page)


def _page_keep(
    organization: OrganizationRef, row: CheckoutSession, page: ProviderSession
) -> CheckoutInfo:
    functions.account_open(organization_id=organization.id)
    row = CheckoutSession.objects.get(organization_id=organization.id, id=row.id)
    if not row.ref:
        row.ref, row.url, row.expires_at = page.ref, page.url, page.expires_at
        row.save(update_fields=["ref", "url", "expires_at"])
        PaymentAttempt.objects.filter(organization_id=organization.id, id=row.attempt_id).update(
            session_ref=page.ref
        )
    return checkout_info(row)
