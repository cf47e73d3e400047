"""The cards of an organization: a mirror of what the provider keeps."""

from datetime import UTC, datetime

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.payments.contracts import CardsRead, ProviderCard
from billing.payments.errors import CustomerDeleted
from billing.payments.models import PaymentCustomer, PaymentMethod
from billing.payments.provider import Provider


def cards_read(provider: Provider, customer: str) -> CardsRead:
    """Read a customer's cards from the provider. Outside of scopes."""
    # The machine's clock, which no test and no simulation holds still: it orders two readings.
    began_at = datetime.now(UTC)
    try:
        return CardsRead(customer, provider.cards(customer), began_at)
    except CustomerDeleted:
        return CardsRead(customer, (), began_at, deleted=True)


def cards_mirror(
    *, organization: OrganizationRef, cards: CardsRead, actor: Actor = SYSTEM_ACTOR
) -> None:
    """Make the mirror show these cards and no others.

    The whole list is taken over, so it does not matter in which order events of it come. A list
    whose reading began before that of the one which is shown is late, and changes nothing, as is
    that of a customer who gave way to another. Where the provider names no default, the oldest is
    it.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    mine = PaymentCustomer.objects.filter(
        organization_id=organization.id, ref=cards.customer, deleted_at__isnull=True
    )
    earlier = mine.exclude(cards_read_at__gt=cards.began_at)
    if earlier.update(cards_read_at=cards.began_at):
        _mirror(organization, cards.cards, actor)
    if cards.deleted and mine.update(deleted_at=clock.now()):
        audit_record(
            actor=actor,
            action="payment_customer.delete",
            target=public_id("org_", organization.id),
            detail={"customer": cards.customer},
            organization=organization,
        )


def _mirror(organization: OrganizationRef, cards: tuple[ProviderCard, ...], actor: Actor) -> None:
    known = {row.ref: row for row in PaymentMethod.objects.filter(organization_id=organization.id)}
    default = _default(cards)
    mine = PaymentMethod.objects.filter(organization_id=organization.id)
    # One default at a time, also between two statements.
    mine.exclude(ref=default).filter(is_default=True).update(is_default=False)
    for card in cards:
        row = known.get(card.ref)
        if row is None or row.removed_at is not None:
            row = _kept(organization, actor, row or PaymentMethod(), card)
        row.brand, row.last4 = card.brand, card.last4
        row.exp_month, row.exp_year = card.exp_month, card.exp_year
        row.is_default = card.ref == default
        row.save()
    present = {card.ref for card in cards}
    for ref, row in known.items():
        if ref not in present and row.removed_at is None:
            row.removed_at, row.is_default = clock.now(), False
            row.save(update_fields=["removed_at", "is_default"])
            _audit(organization, actor, "payment_method.remove", row)


def card_seen(*, organization: OrganizationRef, card: ProviderCard) -> None:
    """Know a card that paid on a page and is not kept, so that its payment can name it."""
    require_scope(organization)
    mine = PaymentMethod.objects.filter(organization_id=organization.id, ref=card.ref)
    if mine.exists():
        return
    PaymentMethod(
        organization_id=organization.id,
        ref=card.ref,
        brand=card.brand,
        last4=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        removed_at=clock.now(),
    ).save(force_insert=True)


def _kept(
    organization: OrganizationRef, actor: Actor, row: PaymentMethod, card: ProviderCard
) -> PaymentMethod:
    row.organization_id, row.ref, row.removed_at = organization.id, card.ref, None
    row.brand, row.last4 = card.brand, card.last4
    _audit(organization, actor, "payment_method.add", row)
    return row


def _default(cards: tuple[ProviderCard, ...]) -> str:
    chosen = (card.ref for card in cards if card.default)
    return next(chosen, cards[0].ref if cards else "")


def _audit(organization: OrganizationRef, actor: Actor, action: str, row: PaymentMethod) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("pm_", row.id),
        detail={"card": f"{row.brand} {row.last4}"},
        organization=organization,
    )
