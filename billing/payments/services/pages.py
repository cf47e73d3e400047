"""A page at the provider, from the wish for it to its end. Each function opens its own scopes.

Its row is there before the page: an answer that was lost is asked for again under the row's name,
also by whoever wants to close the page, so that none stays open that nobody knows.
"""

from uuid import UUID

from django.conf import settings

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger import functions
from billing.payments.contracts import CheckoutState, ProviderSession, SessionWanted
from billing.payments.errors import AmountInvalid, ProviderRefused
from billing.payments.models import CheckoutSession, PaymentAttempt
from billing.payments.provider import Provider, is_current, provider_current
from billing.payments.services.cards import cards_read
from billing.payments.services.customers import customer_ask
from billing.payments.services.sessions import session_settle
from billing.payments.services.settling import attempt_expire


def page_ask(
    organization: OrganizationRef, provider: Provider, row: CheckoutSession
) -> CheckoutSession:
    """Ask for a row's page, once however often; return the row as it is then.

    What the provider refuses to open is over. Raises AmountInvalid, ProviderAway, ProviderRefused.
    """
    if row.ref or row.state != CheckoutState.OPEN:
        return row
    try:
        page = customer_ask(
            organization,
            provider,
            lambda customer: provider.session_open(_wanted(organization, customer, row)),
        )
    except (AmountInvalid, ProviderRefused):
        _page_end(organization, row.id)
        raise
    return _page_keep(organization, row.id, page)


def page_close(organization: OrganizationRef, provider: Provider, attempt_id: UUID) -> None:
    """Close the page of an attempt, or book what was paid on it."""
    with tenant_scope(organization):
        mine = CheckoutSession.objects.filter(organization_id=organization.id)
        row = mine.select_related("attempt").get(attempt_id=attempt_id)
    try:
        row = page_ask(organization, provider, row)
    except ProviderRefused:
        return
    if is_current(row.ref):
        _page_book(organization, provider, row.ref, close=True)
    else:
        _page_end(organization, row.id)


def page_look(*, organization: OrganizationRef, checkout_id: UUID) -> None:
    """Book what became of a page; one that nobody knows, or nobody any more, is over."""
    with tenant_scope(organization):
        page = CheckoutSession.objects.get(organization_id=organization.id, id=checkout_id)
    if is_current(page.ref):
        _page_book(organization, provider_current(), page.ref, close=False)
    else:
        _page_end(organization, checkout_id)


def _wanted(organization: OrganizationRef, customer: str, row: CheckoutSession) -> SessionWanted:
    back = f"{settings.ANNEAL_SITE_URL}{row.return_path}"
    join = "&" if "?" in back else "?"
    attempt, name = row.attempt, public_id("cs_", row.id)
    return SessionWanted(
        customer=customer,
        success_url=f"{back}{join}checkout={name}",
        cancel_url=back,
        # A refusal is kept under its key: whoever takes a deleted customer's place has another.
        key=f"checkout:{row.id}:{customer}",
        checkout_id=row.id,
        attempt_id=attempt.id if attempt else None,
        amount_minor=attempt.amount_minor if attempt else 0,
        currency=attempt.currency if attempt else "",
        label="Anneal",
        own_page=f"{settings.ANNEAL_SITE_URL}/o/{organization.slug}/billing/demo-checkout/{name}",
    )


def _page_keep(
    organization: OrganizationRef, checkout_id: UUID, page: ProviderSession
) -> CheckoutSession:
    with tenant_scope(organization):
        functions.account_open(organization_id=organization.id)
        mine = CheckoutSession.objects.filter(organization_id=organization.id)
        row: CheckoutSession = mine.get(id=checkout_id)
        if not row.ref and row.state == CheckoutState.OPEN:
            row.ref, row.url, row.expires_at = page.ref, page.url, page.expires_at
            row.save(update_fields=["ref", "url", "expires_at"])
            attempts = PaymentAttempt.objects.filter(organization_id=organization.id)
            attempts.filter(id=row.attempt_id).update(session_ref=page.ref)
        return row


def _page_end(organization: OrganizationRef, checkout_id: UUID) -> None:
    with tenant_scope(organization):
        functions.account_open(organization_id=organization.id)
        mine = CheckoutSession.objects.filter(organization_id=organization.id)
        row = mine.filter(id=checkout_id, state=CheckoutState.OPEN).first()
        if row is None or is_current(row.ref):
            return
        row.state = CheckoutState.EXPIRED.value
        row.save(update_fields=["state"])
        if row.attempt is not None:
            attempt_expire(organization=organization, row=row.attempt)


def _page_book(organization: OrganizationRef, provider: Provider, ref: str, *, close: bool) -> None:
    session = provider.session_expire(ref) if close else provider.session_read(ref)
    intent = provider.intent_read(session.intent) if session.intent else None
    cards = cards_read(provider, session.customer)
    with tenant_scope(organization):
        session_settle(organization=organization, session=session, intent=intent, cards=cards)
