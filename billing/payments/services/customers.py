"""Making an organization known to the provider, and its cards. Opens its own scopes."""

from collections.abc import Callable
from typing import TypeVar

from django.db.models import QuerySet

from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.payments.errors import CardNeeded, CardUnknown, ProviderRefused
from billing.payments.models import PaymentCustomer
from billing.payments.provider import Provider, provider_current, refs_current
from billing.payments.selectors import card_get, cards_kept
from billing.payments.services.cards import cards_mirror, cards_read
from tenants.accounts.selectors import organization_get

_T = TypeVar("_T")


def customer_ref(organization: OrganizationRef, provider: Provider) -> str:
    """Return the provider's name for an organization, made when it is first needed."""
    with tenant_scope(organization):
        known = _known(organization)
        name = organization_get(organization=organization).name
        gone = _rows(organization).filter(deleted_at__isnull=False).count()
    if known:
        return known
    # Under the key of one that was deleted Stripe would answer with that one for a day.
    key = f"customer:{organization.id}:{gone}" if gone else f"customer:{organization.id}"
    made = provider.customer_make(name=name, organization=str(organization.id), key=key)
    with tenant_scope(organization):
        row = PaymentCustomer(organization_id=organization.id, ref=made)
        PaymentCustomer.objects.bulk_create([row], ignore_conflicts=True)
        # One that only another provider knows gives way.
        there = _rows(organization).filter(deleted_at__isnull=True)
        there.exclude(refs_current("ref")).update(ref=made, cards_read_at=None)
        return _known(organization)


def customer_ask(organization: OrganizationRef, provider: Provider, ask: Callable[[str], _T]) -> _T:
    """Ask the provider something for its customer; for a new one where that one was deleted."""
    customer = customer_ref(organization, provider)
    try:
        return ask(customer)
    except ProviderRefused:
        if not customer_gone(organization, provider, customer):
            raise
    return ask(customer_ref(organization, provider))


def customer_gone(organization: OrganizationRef, provider: Provider, customer: str) -> bool:
    """Look whether a customer was deleted at the provider: it and its cards are over then."""
    cards = cards_read(provider, customer)
    if cards.deleted:
        with tenant_scope(organization):
            cards_mirror(organization=organization, cards=cards)
    return cards.deleted


def portal_open(*, organization: OrganizationRef, return_url: str) -> str:
    """Return the address where the organization minds its cards at the provider."""
    provider = provider_current()
    return customer_ask(
        organization,
        provider,
        lambda customer: provider.portal_open(customer=customer, return_url=return_url),
    )


def card_make_default(*, organization: OrganizationRef, actor: Actor, card: str) -> None:
    """Pay with this card from now on. Raises CardUnknown."""
    provider, customer, ref = _card(organization, card)
    try:
        provider.card_default(customer=customer, card=ref)
    except ProviderRefused as error:
        if customer_gone(organization, provider, customer):
            raise CardUnknown from error
        raise
    _mirror(organization, actor, provider, customer)


def card_remove(*, organization: OrganizationRef, actor: Actor, card: str) -> None:
    """Let the provider forget a card. Raises CardUnknown."""
    provider, customer, ref = _card(organization, card)
    provider.card_remove(ref)
    _mirror(organization, actor, provider, customer)


def card_default_ref(organization: OrganizationRef) -> str:
    """Return the card to collect with, inside a scope. Raises CardNeeded."""
    row = cards_kept(organization).filter(is_default=True).first()
    if row is None:
        raise CardNeeded
    return row.ref


def _card(organization: OrganizationRef, card: str) -> tuple[Provider, str, str]:
    with tenant_scope(organization):
        row = card_get(organization=organization, reference=card)
        return provider_current(), _known(organization), row.ref


def _mirror(organization: OrganizationRef, actor: Actor, provider: Provider, customer: str) -> None:
    cards = cards_read(provider, customer)
    with tenant_scope(organization):
        cards_mirror(organization=organization, cards=cards, actor=actor)


def _known(organization: OrganizationRef) -> str:
    found = _rows(organization).filter(refs_current("ref"), deleted_at__isnull=True)
    return found.values_list("ref", flat=True).first() or ""


def _rows(organization: OrganizationRef) -> QuerySet[PaymentCustomer]:
    rows: QuerySet[PaymentCustomer] = PaymentCustomer.objects.filter(
        organization_id=organization.id
    )
    return rows
