"""Promotion codes: what they give, to whom, how often, and never more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, ScopeError, system_scope, tenant_scope
from billing.ledger.models import Grant
from billing.promotions.contracts import PromotionKind, PromotionTerms, RedemptionInfo
from billing.promotions.models import Discount, Promotion, Redemption
from billing.promotions.selectors import discounts_open
from billing.promotions.services import (
    discount_draw,
    promotion_add,
    promotion_end,
    promotion_redeem,
)

pytestmark = pytest.mark.django_db

D = Decimal
NOW = datetime(2029, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TENTH = PromotionTerms(kind=PromotionKind.PERCENT, percent=D(10), invoices=2)
MONEY = PromotionTerms(kind=PromotionKind.AMOUNT, amount=D("25.50"), currency="USD")
UNITS = PromotionTerms(kind=PromotionKind.UNITS, unit="prediction", units=D(500), days=30)
TRIAL = PromotionTerms(kind=PromotionKind.TRIAL, days=7)


def add(terms: PromotionTerms, code: str = "SUMMER-26", at: datetime = NOW) -> str:
    with clock.frozen(at), system_scope("test"):
        return promotion_add(actor=SYSTEM_ACTOR, code=code, terms=terms)


def redeem(
    organization: OrganizationRef, code: str = "SUMMER-26", at: datetime = NOW
) -> RedemptionInfo:
    with clock.frozen(at), tenant_scope(organization):
        return promotion_redeem(organization=organization, actor=SYSTEM_ACTOR, code=code)


def draw(
    organization: OrganizationRef,
    redeemed: RedemptionInfo,
    key: str,
    amount: str,
    unit: str = "USD",
) -> Decimal:
    assert redeemed.discount is not None
    with clock.frozen(NOW), tenant_scope(organization):
        return discount_draw(
            organization=organization,
            discount_id=redeemed.discount.id,
            key=key,
            amount=D(amount),
            currency=unit,
        )


def test_units_come_at_once_and_end(organization: OrganizationRef) -> None:
    add(UNITS)

    redeemed = redeem(organization, " summer-26 ")

    assert (redeemed.code, redeemed.terms.units, redeemed.discount) == ("SUMMER-26", 500, None)
    with tenant_scope(organization):
        grant = Grant.objects.get(source=f"promotion:{redeemed.id}")
    assert (grant.amount, grant.kind, grant.expires_at) == (500, "promotional", NOW + 30 * DAY)


def test_money_off_is_taken_until_none_is_left(organization: OrganizationRef) -> None:
    add(MONEY)
    redeemed = redeem(organization)

    drawn = [
        draw(organization, redeemed, key, amount)
        for key, amount in (("inv-1", "20"), ("inv-2", "3.25"), ("inv-3", "100"), ("inv-4", "5"))
    ]

    assert drawn == [D(20), D("3.25"), D("2.25"), D(0)]
    with tenant_scope(organization):
        assert Discount.objects.get().remaining == 0
        assert discounts_open(organization=organization, currency="USD") == ()


def test_a_share_is_taken_from_so_many_invoices(organization: OrganizationRef) -> None:
    add(TENTH)
    redeemed = redeem(organization)

    drawn = [draw(organization, redeemed, f"inv-{n}", "33.33") for n in range(3)]

    assert drawn == [D("3.333"), D("3.333"), D(0)]


def test_an_invoice_takes_a_discount_once(organization: OrganizationRef) -> None:
    add(MONEY)
    redeemed = redeem(organization)

    drawn = [draw(organization, redeemed, "inv-1", "20") for _ in range(3)]

    assert drawn == [D(20)] * 3
    for amount, currency in (("5", "USD"), ("20.01", "USD"), ("20", "EUR")):
        with pytest.raises(DomainError) as raised:
            draw(organization, redeemed, "inv-1", amount, currency)
        assert raised.value.code == "discount_mismatch"
    with tenant_scope(organization):
        assert Discount.objects.get().remaining == D("5.50")


def test_money_of_another_currency_takes_nothing_off(organization: OrganizationRef) -> None:
    add(MONEY)
    redeemed = redeem(organization)

    assert draw(organization, redeemed, "inv-1", "20", "EUR") == 0
    with tenant_scope(organization):
        assert discounts_open(organization=organization, currency="EUR") == ()
        assert len(discounts_open(organization=organization, currency="USD")) == 1


@pytest.mark.parametrize("amount", ["-1", "NaN", "1E30", "0.001"])
def test_what_is_no_invoice_takes_nothing(organization: OrganizationRef, amount: str) -> None:
    add(MONEY)
    redeemed = redeem(organization)

    with pytest.raises(DomainError):
        draw(organization, redeemed, "inv-1", amount)

    with tenant_scope(organization):
        assert Discount.objects.get().remaining == D("25.50")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(invoices=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3000)), max_size=8))
def test_a_discount_is_never_below_zero_and_never_above_an_invoice(
    organization: OrganizationRef, invoices: list[tuple[int, int]]
) -> None:
    sid = transaction.savepoint()
    add(MONEY)
    redeemed = redeem(organization)
    first: dict[int, tuple[Decimal, Decimal]] = {}

    for key, cents in invoices:
        amount = D(cents).scaleb(-2)
        if key in first and first[key][0] != amount:
            with pytest.raises(DomainError, match="another amount"):
                draw(organization, redeemed, f"inv-{key}", str(amount))
            continue
        drawn = draw(organization, redeemed, f"inv-{key}", str(amount))
        if drawn or key in first:
            first.setdefault(key, (amount, drawn))
            assert drawn == first[key][1]

    assert sum(drawn for _, drawn in first.values()) <= D("25.50")
    assert all(0 <= drawn <= amount for amount, drawn in first.values())
    transaction.savepoint_rollback(sid)


def test_a_foreign_discount_is_none(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    add(MONEY)
    redeemed = redeem(organization)

    with pytest.raises(DomainError) as raised:
        draw(other_organization, redeemed, "inv-1", "5")
    assert raised.value.code == "discount_not_found"
    with pytest.raises(ScopeError), tenant_scope(other_organization):
        promotion_redeem(organization=organization, actor=SYSTEM_ACTOR, code="SUMMER-26")


def test_a_code_has_its_time_and_its_number(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    add(replace(UNITS, valid_from=NOW + DAY, valid_until=NOW + 2 * DAY, max_redemptions=1))

    def code(organization: OrganizationRef, at: datetime) -> str:
        with pytest.raises(DomainError) as raised:
            redeem(organization, at=at)
        return raised.value.code

    assert code(organization, NOW) == "promotion_not_yet"
    assert code(organization, NOW + 2 * DAY) == "promotion_over"
    redeem(organization, at=NOW + DAY)
    assert code(organization, NOW + DAY) == "promotion_redeemed"
    assert code(other_organization, NOW + DAY) == "promotion_used_up"


def test_an_ended_code_and_an_invented_one_look_alike(organization: OrganizationRef) -> None:
    add(UNITS)
    with clock.frozen(NOW), system_scope("test"):
        promotion_end(actor=SYSTEM_ACTOR, code="summer-26")
        with pytest.raises(DomainError) as raised:
            promotion_end(actor=SYSTEM_ACTOR, code="summer-26")
    assert raised.value.code == "promotion_not_found"

    texts = set()
    for code in ("SUMMER-26", "WINTER-26"):
        with pytest.raises(DomainError) as raised:
            redeem(organization, code)
        texts.add((raised.value.code, raised.value.text))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        *[(replace(TENTH, percent=bad), "price_invalid") for bad in (D(0), D(-1), D("NaN"))],
        (replace(TENTH, percent=D(101)), "promotion_invalid"),
        (replace(TENTH, invoices=0), "promotion_invalid"),
        (replace(TENTH, invoices=None), "promotion_invalid"),
        *[(replace(MONEY, amount=bad), "price_invalid") for bad in (D(0), D(-1), D(10) ** 30)],
        (replace(MONEY, amount=D("0.001")), "currency_decimals"),
        (replace(MONEY, currency="JPY"), "currency_decimals"),
        (replace(MONEY, currency=""), "currency_unknown"),
        (replace(UNITS, unit="bananas"), "promotion_invalid"),
        (replace(UNITS, units=None), "price_invalid"),
        (replace(UNITS, days=0), "promotion_invalid"),
        (replace(TRIAL, days=None), "promotion_invalid"),
        (replace(TRIAL, percent=D(5)), "promotion_invalid"),
        (replace(UNITS, max_redemptions=0), "promotion_invalid"),
        (replace(UNITS, valid_until=NOW), "promotion_invalid"),
        (replace(UNITS, valid_from=NOW + DAY, valid_until=NOW + DAY), "promotion_invalid"),
        (replace(UNITS, kind="gift"), "promotion_invalid"),  # type: ignore[arg-type] # on purpose
    ],
)
def test_a_promotion_that_cannot_be_is_refused(terms: PromotionTerms, code: str) -> None:
    with pytest.raises(DomainError) as raised:
        add(terms)
    assert raised.value.code == code
    with system_scope("test"):
        assert not Promotion.objects.filter(code="SUMMER-26").exists()


@pytest.mark.parametrize("code", ["short", "with space", "ÜBERRASCHUNG", "-dashed", "x" * 41, ""])
def test_a_code_nobody_can_type_is_refused(code: str) -> None:
    with pytest.raises(DomainError) as raised:
        add(UNITS, code)
    assert raised.value.code == "promotion_invalid"


def test_a_code_is_made_once_whatever_its_case() -> None:
    add(UNITS)
    with pytest.raises(DomainError) as raised:
        add(TENTH, "summer-26")
    assert raised.value.code == "promotion_taken"


def test_an_organization_reads_no_code_and_writes_no_discount(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    add(MONEY)
    redeem(organization)

    with tenant_scope(organization):
        with pytest.raises(ScopeError):
            Promotion.objects.exists()
        changes: list[Callable[[], Any]] = [
            lambda: Discount.objects.update(remaining=D(25)),
            lambda: Redemption.objects.update(code="OTHER"),
            lambda: Discount(redemption_id=Redemption.objects.get().id).save(force_insert=True),
        ]
        for change in changes:
            with pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
                change()
    with tenant_scope(other_organization):
        assert not Redemption.objects.exists()


def test_not_even_the_systems_role_changes_what_a_code_gives() -> None:
    add(MONEY)

    with system_scope("test"):
        with pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
            Promotion.objects.update(amount=D(1))
        with pytest.raises(IntegrityError), transaction.atomic():
            Promotion(
                code="ZEROZERO", kind="percent", percent=D(0), invoices=1, valid_from=NOW
            ).save(force_insert=True)


def test_codes_leave_audit_rows(organization: OrganizationRef) -> None:
    add(MONEY)
    redeem(organization)
    with clock.frozen(NOW), system_scope("test"):
        promotion_end(actor=SYSTEM_ACTOR, code="SUMMER-26")
        rows = AuditEvent.objects.filter(
            action__startswith="promotion.", detail__code="SUMMER-26"
        ).order_by("id")
        assert [(row.action, row.detail["code"]) for row in rows] == [
            ("promotion.add", "SUMMER-26"),
            ("promotion.redeem", "SUMMER-26"),
            ("promotion.end", "SUMMER-26"),
        ]
