"""What the operator offers in the year, and what customers make of it: prices, codes, parking."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.contracts import SellerTerms
from billing.invoices.models import TaxRate
from billing.invoices.services import seller_set, tax_rate_add
from billing.ledger.services import account_park, account_unpark
from billing.outcomes.contracts import OutcomeKind, PolicyTerms
from billing.outcomes.models import OutcomePolicy
from billing.outcomes.services import (
    outcome_policy_add,
    outcome_policy_version_draft,
    outcome_policy_version_publish,
)
from billing.plans.contracts import Overage, Period, PlanTerms
from billing.plans.models import Plan
from billing.plans.services import plan_add, plan_version_draft, plan_version_publish
from billing.prices.contracts import PriceModel, PriceTerms, Tier
from billing.prices.currency import DEFAULT
from billing.prices.models import Price
from billing.prices.services import price_add
from billing.promotions.contracts import PromotionKind, PromotionTerms, RedemptionInfo
from billing.promotions.services import discount_draw, promotion_add, promotion_redeem
from billing.simulation.customers import (
    CURRENCIES,
    DIMS,
    OTHER_CURRENCY,
    TIERED,
    Customer,
    Disagreement,
    coins,
)
from billing.simulation.model import Rebate, Tariff
from billing.simulation.relay import unpaid_owners
from billing.simulation.world import World

D = Decimal
_FLAT: Final = (
    ("prediction", "", D("0.00009")),
    ("prediction", "batch", D("0.000045")),
    ("trained_token", "", D("0.00000045")),
    ("storage_gb_hour", "", D("0.00014")),
)
"""In the other currencies; the first prices are in dollars."""
WORTH: Final = {DEFAULT: D(1), OTHER_CURRENCY: D(1), "JPY": D(100), "KWD": D("0.5")}
_FEES: Final = {DEFAULT: D("49.99"), OTHER_CURRENCY: D("44.90"), "JPY": D(4980), "KWD": D("14.995")}
_TAXES: Final = (
    ("DE", D(19), False),
    ("FR", D(20), True),
    ("CA", D(5), False),
    ("CA", D("9.975"), False),
    ("JP", D(10), False),
)
SELLER: Final = SellerTerms(legal_name="Simulated", country="DE", top_ups_taxed=True)
POLICIES: Final = {
    OutcomeKind.SUCCESS_FEE: PolicyTerms(D(20), DEFAULT, 14, margin=D("0.01")),
    OutcomeKind.CONFIRMED_PREDICTION: PolicyTerms(D("0.0037"), DEFAULT, 14, window_days=7),
}
"""In dollars; offered in each currency at its worth."""
_TIERS: Final = (Tier(D(500), D("0.0004")), Tier(D(5_000), D("0.0002")), Tier(None, D("0.00005")))
_CODES: Final = (
    PromotionTerms(kind=PromotionKind.PERCENT, percent=D(10), invoices=3),
    PromotionTerms(kind=PromotionKind.AMOUNT, amount=D("25.50"), currency=DEFAULT),
    PromotionTerms(kind=PromotionKind.UNITS, unit="prediction", units=D(2_000), days=20),
    PromotionTerms(kind=PromotionKind.TRIAL, days=7),
)


def offer(world: World, now: datetime) -> None:
    """Add prices in tiers and in a second currency, and a promotion code of each kind."""
    with clock.frozen(now), system_scope("simulation"):
        wanted = [
            (currency, meter, kind, PriceTerms(unit_amount=amount * WORTH[currency]))
            for currency in CURRENCIES
            if currency != DEFAULT
            for meter, kind, amount in _FLAT
        ]
        wanted += [(currency, "prediction", TIERED, _tiered(currency)) for currency in CURRENCIES]
        for currency, meter, kind, terms in wanted:
            # A year that was lived before left its prices.
            if not Price.objects.filter(
                currency=currency, meter__code=meter, plan="", match=DIMS[kind]
            ).exists():
                price_add(
                    actor=SYSTEM_ACTOR,
                    meter=meter,
                    terms=terms,
                    currency=currency,
                    match=DIMS[kind],
                    effective_at=now,
                )
        _plans_offer()
        _policies_offer()
        _taxes_ask()
        world.tariffs = _tariffs()
        world.codes = tuple(
            promotion_add(actor=SYSTEM_ACTOR, code=f"SIM-{uuid7().hex[-12:]}".upper(), terms=terms)
            for terms in _CODES
        )


def plans_of(customer: Customer) -> list[str]:
    """Return the plans that a customer of its currency may be on."""
    own = [f"sim-{kind}-{customer.currency.lower()}" for kind in ("fee", "line", "year")]
    return ["free", *own] if customer.currency != DEFAULT else ["free", "starter", "pro", *own]


def _tiered(currency: str) -> PriceTerms:
    tiers = tuple(Tier(tier.up_to, tier.unit_amount * WORTH[currency]) for tier in _TIERS)
    return PriceTerms(model=PriceModel.GRADUATED, tiers=tiers)


def _plans_offer() -> None:
    """Offer a plan by the month, by the year, and one with a credit line, in each currency."""
    for currency, fee in _FEES.items():
        units = {"prediction": D(500)}
        kinds = {
            "fee": PlanTerms(fee=fee, currency=currency, included=units),
            "line": PlanTerms(
                fee=fee * 2,
                currency=currency,
                included=units,
                overage=Overage.INVOICE,
                credit_line=fee * 4,
            ),
            "year": PlanTerms(fee=fee * 10, currency=currency, period=Period.YEAR, included=units),
        }
        for kind, terms in kinds.items():
            code = f"sim-{kind}-{currency.lower()}"
            if Plan.objects.filter(code=code).exists():
                continue
            plan_add(actor=SYSTEM_ACTOR, code=code, name_en=code, name_zh=code)
            draft = plan_version_draft(actor=SYSTEM_ACTOR, plan=code, terms=terms)
            plan_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)


def policy_code(kind: OutcomeKind, currency: str) -> str:
    """Return the name of the year's policy about outcomes."""
    return f"sim-{kind.value}-{currency.lower()}"


def _policies_offer() -> None:
    for kind, terms in POLICIES.items():
        for currency, worth in WORTH.items():
            code = policy_code(kind, currency)
            if OutcomePolicy.objects.filter(code=code).exists():
                continue
            outcome_policy_add(actor=SYSTEM_ACTOR, code=code, kind=kind, name_en=code, name_zh=code)
            draft = outcome_policy_version_draft(
                actor=SYSTEM_ACTOR,
                policy=code,
                terms=replace(terms, price=terms.price * worth, currency=currency),
            )
            outcome_policy_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)


def _taxes_ask() -> None:
    seller_set(actor=SYSTEM_ACTOR, terms=SELLER)
    if TaxRate.objects.filter(ended_at__isnull=True).exists():
        return
    for country, percent, reverse in _TAXES:
        tax_rate_add(
            actor=SYSTEM_ACTOR,
            name_en=f"Tax {percent}",
            name_zh=f"Tax {percent}",
            country=country,
            percent=percent,
            reverse_charge=reverse,
        )


def redeem(world: World, customer: Customer, now: datetime) -> None:
    """Let a customer try a code; what it gives must be what the model expects."""
    before = set(customer.account.lots)
    try:
        with clock.frozen(now), tenant_scope(customer.ref):
            redeemed = promotion_redeem(
                organization=customer.ref,
                actor=SYSTEM_ACTOR,
                code=world.chance.choice(world.codes),
            )
    except DomainError:
        world.count("codes refused")
        return
    world.count(f"codes redeemed, {redeemed.terms.kind.value}")
    expected = _expected(customer, redeemed, now)
    world.learn()
    found = [lot for lot in customer.account.lots.values() if lot.id not in before]
    if sorted(expected) != sorted((lot.unit, lot.amount) for lot in found):
        raise Disagreement(f"{now}: {redeemed} granted {found}, not {expected}")


def _expected(
    customer: Customer, redeemed: RedemptionInfo, now: datetime
) -> list[tuple[str, Decimal]]:
    terms, discount = redeemed.terms, redeemed.discount
    if discount is not None:
        customer.account.rebates[discount.id] = Rebate(
            terms.percent, terms.invoices, terms.amount, terms.currency
        )
    if terms.kind == PromotionKind.TRIAL:
        return customer.account.trial_extend(now)
    return [(terms.unit, terms.units)] if terms.units is not None else []


def invoice(world: World, customer: Customer, now: datetime) -> None:
    """Take every discount off an invoice; one in five asks a second time."""
    key = f"sim:{uuid7()}"
    amount = coins(world.chance.randrange(1, 5_000), customer.currency)
    for discount_id, rebate in customer.account.rebates.items():
        for _ in range(world.chance.choice([1, 1, 1, 1, 2])):
            expected = rebate.draw(key, amount, customer.currency)
            with clock.frozen(now), tenant_scope(customer.ref):
                off = discount_draw(
                    organization=customer.ref,
                    discount_id=discount_id,
                    key=key,
                    amount=amount,
                    currency=customer.currency,
                )
            if off != expected:
                raise Disagreement(f"{now}: {off} came off {amount}, not {expected}")
            world.count("discounts drawn" if off else "discounts used up")


def park(world: World, customer: Customer, now: datetime) -> None:
    """Stop an account, or free it again unless an unpaid invoice would keep it."""
    if customer.account.unpaid or customer.ref.id in unpaid_owners():
        return
    change: Callable[..., bool] = account_unpark if customer.account.parked else account_park
    with clock.frozen(now), system_scope("simulation"):
        changed = change(organization=customer.ref, actor=SYSTEM_ACTOR, reason="simulation")
    if not changed:
        raise Disagreement(f"{now}: {customer.ref.slug} was {change.__name__}ed before")
    world.count("accounts freed" if customer.account.parked else "accounts parked")
    customer.account.parked = not customer.account.parked


def _tariffs() -> dict[tuple[str, str, str], Tariff]:
    """Return the list prices of the kinds of calls there are."""
    kinds = {tuple(sorted(dims.items())): kind for kind, dims in DIMS.items()}
    found = {}
    for row in Price.objects.filter(plan="").order_by("effective_at").select_related("meter"):
        kind = kinds.get(tuple(sorted(row.match.items())))
        if kind is None or row.model not in (PriceModel.PER_UNIT, PriceModel.GRADUATED):
            continue
        key = (row.currency, row.meter.code, kind)
        tiers = [
            (None if tier["up_to"] is None else D(tier["up_to"]), D(tier["unit_amount"]))
            for tier in row.tiers
        ]
        found[key] = Tariff(" ".join(key), tuple(tiers) or ((None, row.unit_amount),))
    return found
