"""How customers pay in the year: cards saved and removed, credit bought, plans begun, invoices."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import tenant_scope
from billing.invoices.models import Invoice
from billing.payments.contracts import AutoTopUpTerms, CheckoutState, Purpose
from billing.payments.errors import ProviderAway
from billing.payments.models import CheckoutSession
from billing.payments.provider.amounts import chargeable_within
from billing.payments.selectors import cards_list
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.auto_top_up import auto_top_up_set
from billing.payments.services.checkout import CheckoutWanted, checkout_open
from billing.payments.services.customers import card_make_default, card_remove
from billing.plans.errors import PaymentMethodRequired
from billing.plans.services import subscription_change
from billing.simulation.customers import CARDS, DECIMALS, SLOW, Customer, coins
from billing.simulation.offers import plans_of
from billing.simulation.world import World

DECLINED: Final = "4000000000000002"
_YEARS: Final = timedelta(days=900)
_SOON: Final = timedelta(days=70)


def shop(world: World, customer: Customer, now: datetime) -> None:
    """Let a customer do something with its cards and its money, or nothing."""
    if not customer.card:
        return
    if not customer.registered:
        if world.happens(0.05):
            world.office.choice([card_save, _plan_begin])(world, customer, now)
        return
    for likely, deed in _DEEDS:
        if world.happens(likely):
            deed(world, customer, now)
            world.learn()


def card_save(world: World, customer: Customer, now: datetime) -> None:
    """Save a card on a page, now and then one that is over soon."""
    page_pay(world, customer, now, CheckoutWanted(Purpose.PAYMENT_METHOD, "/"))
    customer.registered = True
    world.count("cards saved")


def plan_choose(world: World, customer: Customer, plan: str, now: datetime) -> None:
    """Go on a plan; where a card is needed first, its page leads there."""
    try:
        with clock.frozen(now), tenant_scope(customer.ref):
            subscription_change(
                organization=customer.ref,
                actor=SYSTEM_ACTOR,
                plan=plan,
                time_zone=customer.zone,
                assigned=not customer.card,
            )
    except PaymentMethodRequired:
        wanted = CheckoutWanted(Purpose.PLAN, "/", plan=plan, time_zone=customer.zone)
        page_pay(world, customer, now, wanted)
        customer.registered = True
        world.count("plans begun on a page")
        return
    except DomainError:
        world.count("plan changes refused")
        return
    world.learn()
    world.count("plan changes")


def _plan_begin(world: World, customer: Customer, now: datetime) -> None:
    """Go on a plan that costs money; its page saves the first card."""
    plan_choose(world, customer, world.office.choice(plans_of(customer)[1:]), now)


def page_pay(world: World, customer: Customer, now: datetime, wanted: CheckoutWanted) -> None:
    """Open a page, use a card there, a declined one first or none at all."""
    key = str(uuid5(customer.ref.id, f"page:{world.number('page')}"))
    with clock.frozen(now):
        for _ in range(3):
            try:
                page = checkout_open(
                    organization=customer.ref, actor=SYSTEM_ACTOR, wanted=wanted, key=key
                )
            except ProviderAway:
                continue  # asked again with the same key it opens once
            break
        else:
            return
        with tenant_scope(customer.ref):
            ref = CheckoutSession.objects.get(organization_id=customer.ref.id, id=page.id).ref
        if page.state != CheckoutState.OPEN or world.office.random() < 0.12:
            world.count("pages left")
            return
        if world.office.random() < 0.15:
            world.bank.page_use(ref, DECLINED, now + _YEARS)
            world.count("cards declined on a page")
        number = customer.card if world.office.random() < 0.7 else CARDS[0]
        expires = now + (_SOON if world.office.random() < 0.2 else _YEARS)
        world.bank.page_use(ref, number, expires)


def _card_remove(world: World, customer: Customer, now: datetime) -> None:
    """Remove a card, pay with another one, or save one more."""
    with tenant_scope(customer.ref):
        cards = cards_list(organization=customer.ref)
    if not cards or (len(cards) == 1 and world.office.random() < 0.6):
        card_save(world, customer, now)
        return
    card = public_id("pm_", world.office.choice(cards).id)
    remove = world.office.random() < 0.5
    with clock.frozen(now):
        if remove:
            card_remove(organization=customer.ref, actor=SYSTEM_ACTOR, card=card)
        else:
            card_make_default(organization=customer.ref, actor=SYSTEM_ACTOR, card=card)
    world.count("cards removed" if remove else "cards preferred")


def _top_up(world: World, customer: Customer, now: datetime) -> None:
    """Buy credit on a page."""
    wanted = CheckoutWanted(
        Purpose.TOP_UP,
        "/",
        amount=_amount(world, customer),
        currency=customer.currency,
    )
    page_pay(world, customer, now, wanted)
    world.count("top-ups wanted")


def _top_up_by_itself(world: World, customer: Customer, now: datetime) -> None:
    """Have credit bought whenever little is left, or no more."""
    amount = _amount(world, customer)
    enabled = world.office.random() < 0.8
    terms = AutoTopUpTerms(
        enabled, coins(world.office.randint(1, 50_000), customer.currency), amount, amount * 2
    )
    if customer.account.currency != customer.currency:
        return
    try:
        with clock.frozen(now), tenant_scope(customer.ref):
            auto_top_up_set(organization=customer.ref, actor=SYSTEM_ACTOR, terms=terms)
    except DomainError:
        world.count("automatic top-ups refused")
        return
    world.count("automatic top-ups set")


def _invoice_pay(world: World, customer: Customer, now: datetime) -> None:
    """Pay an open invoice oneself: from the card, or on a page."""
    if customer.prompt < SLOW and not customer.account.unpaid:
        return
    invoice = _open_invoice(world, customer)
    if invoice is None:
        return
    try:
        if world.office.random() < 0.5:
            with clock.frozen(now):
                invoice_collect(organization=customer.ref, invoice_id=invoice, automatic=False)
        else:
            page_pay(world, customer, now, CheckoutWanted(Purpose.INVOICE, "/", invoice_id=invoice))
    except DomainError as error:
        world.count(f"not paid by hand, {error.code}")
        return
    world.count("invoices paid by hand")


def _open_invoice(world: World, customer: Customer) -> UUID | None:
    with tenant_scope(customer.ref):
        rows = Invoice.objects.filter(
            organization_id=customer.ref.id, status="final", payment_status="open"
        )
        ids = list(rows.order_by("id").values_list("id", flat=True))
    return world.office.choice(ids) if ids else None


def _amount(world: World, customer: Customer) -> Decimal:
    """Return an amount that a card may pay."""
    least = 5 * 10 ** max(DECIMALS.get(customer.currency, 2), 2)
    minor = chargeable_within(world.office.randrange(least, least * 20), customer.currency)
    return coins(minor, customer.currency)


_DEEDS: Final[tuple[tuple[float, Callable[[World, Customer, datetime], None]], ...]] = (
    (0.006, _card_remove),
    (0.008, _top_up),
    (0.003, _top_up_by_itself),
    (0.02, _invoice_pay),
)
