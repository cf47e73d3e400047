"""A quote says what the hold would do: by the same decision, in the account's currency."""

from decimal import Decimal
from random import Random

import pytest

from anneal.kernel.errors import QuotaExhausted
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.errors import ChargeTooHigh, LimitReached
from billing.ledger.models import Hold, RatedUsage
from billing.ledger.services import (
    balance_grant,
    hold_capture,
    hold_check,
    hold_quote,
    hold_take,
    limit_set,
)
from billing.prices.contracts import PriceModel, PriceTerms, Tier
from billing.prices.services import meter_add, price_add

pytestmark = pytest.mark.django_db

D = Decimal
STEP = D("0.000000000001")


def terms_of(chance: Random) -> PriceTerms:
    if chance.random() < 0.3:
        size, amount = D(chance.randint(2, 9)), D(chance.randint(1, 30))
        return PriceTerms(model=PriceModel.PACKAGE, package_units=size, package_amount=amount)
    ends = [*sorted(chance.sample(range(5, 60), 2)), None]
    tiers = tuple(
        Tier(end and D(end), D(chance.choice(["0", "0.5", "1", "4"])), D(chance.choice([0, 0, 3])))
        for end in ends
    )
    return PriceTerms(model=PriceModel.GRADUATED, tiers=tiers)


def meter_make(chance: Random) -> str:
    """Something with a price of its own in every currency."""
    code = f"thing_{uuid7().hex[-12:]}"
    with system_scope("test"):
        names = {"name_en": "T", "name_zh": "物", "unit_en": "t", "unit_zh": "个"}
        meter_add(actor=SYSTEM_ACTOR, code=code, **names)
        for currency in ("USD", "EUR", "JPY"):
            price_add(actor=SYSTEM_ACTOR, meter=code, currency=currency, terms=terms_of(chance))
    return code


@pytest.mark.parametrize("seed", range(12))
def test_quote_and_hold_agree(organization: OrganizationRef, seed: int) -> None:
    chance = Random(seed)
    code, currency = meter_make(chance), chance.choice(["USD", "EUR", "JPY"])
    with tenant_scope(organization):
        balance_grant(
            organization=organization, unit=code, amount=9, kind="operator", source="units"
        )
        balance_grant(
            organization=organization, unit=currency, amount=150, kind="purchased", source="money"
        )
        for number in range(12):
            units = chance.randint(1, 20)
            told = hold_quote(organization=organization, unit=code, amount=units)
            before = RatedUsage.objects.count(), Hold.objects.count()
            again = hold_quote(organization=organization, unit=code, amount=units)
            assert (again, RatedUsage.objects.count(), Hold.objects.count()) == (told, *before)
            assert told.currency == currency
            assert told.cost is not None
            asked = {"organization": organization, "unit": code, "amount": units, "ttl_seconds": 60}
            if told.cost:
                with pytest.raises(ChargeTooHigh, match=f"{currency}, above the"):
                    hold_take(**asked, key=f"low-{number}", most=told.cost - STEP)
            if told.refusal:
                assert told.refusal == "quota_exhausted"
                continue
            hold = hold_take(**asked, key=f"hold-{number}", most=told.cost)
            row = Hold.objects.get(id=hold.id)
            assert sum(D(str(amount)) for _, amount in row.charges) <= told.cost
            if chance.random() < 0.5:
                part = chance.randint(0, units)
                done = hold_capture(
                    organization=organization, hold_id=hold.id, amount=part, event_id=f"e{number}"
                )
                assert done.charged <= told.cost


def test_a_quote_is_refused_as_the_hold_would_be(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        limit_set(organization=organization, unit="prediction", window="month", amount=5)
        told = hold_quote(organization=organization, unit="prediction", amount=6)
        assert (told.refusal, told.cost) == ("limit_reached", 0)
        with pytest.raises(LimitReached):
            hold_check(organization=organization, unit="prediction", amount=6)
        with pytest.raises(LimitReached):
            hold_take(
                organization=organization, unit="prediction", amount=6, key="k", ttl_seconds=60
            )


def test_without_money_no_price_is_told(organization: OrganizationRef) -> None:
    code = meter_make(Random(0))
    with tenant_scope(organization):
        told = hold_quote(organization=organization, unit=code, amount=6)
        assert (told.refusal, told.cost, told.currency) == ("quota_exhausted", None, "")


def test_a_check_raises_what_the_hold_would_and_holds_nothing(
    organization: OrganizationRef,
) -> None:
    with tenant_scope(organization):
        hold_check(organization=organization, unit="prediction", amount=1_000)
        with pytest.raises(QuotaExhausted, match="needs 1001, 1000 available"):
            hold_check(organization=organization, unit="prediction", amount=1_001)

        assert not Hold.objects.exists()
