"""Usage on a credit line: asked for afterwards, each capture once, at the price that rated it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.contracts import ItemKind
from billing.invoices.errors import InvoiceLoop, ItemConflict, ItemInvalid
from billing.invoices.models import InvoiceItem, InvoiceSchedule
from billing.invoices.services import closing, invoices_close, item_add
from billing.ledger.models import LedgerEntry
from billing.ledger.selectors import account_get, balance_get
from billing.ledger.services import balance_grant
from billing.plans.services import subscription_cancel
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add
from billing.promotions.contracts import PromotionKind, PromotionTerms
from tests.unit.billing.test_promotions import add, redeem
from tests.unit.invoices.helpers import (
    APRIL,
    BEGINS,
    FEBRUARY,
    MARCH,
    D,
    add_credit_plan,
    add_tax,
    ask,
    drifts,
    go,
    invoiced,
    invoices,
    lines,
    set_profile,
    set_seller,
    tick,
    top_up,
    use,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def later(organization: OrganizationRef) -> OrganizationRef:
    """An organization that pays what it uses afterwards, its first fee invoiced."""
    add_credit_plan()
    go(organization, "later", BEGINS)
    tick(BEGINS)
    return organization


def receivable(organization: OrganizationRef) -> Decimal:
    with tenant_scope(organization):
        rows = LedgerEntry.objects.filter(account="receivable").values_list("amount", flat=True)
        return sum(rows, Decimal(0))


def test_who_left_at_once_with_a_part_of_a_coin_used_may_come_back(
    later: OrganizationRef,
) -> None:
    use(later, 1, BEGINS + DAY)  # 0.0001 USD
    with clock.frozen(BEGINS + 2 * DAY), tenant_scope(later):
        subscription_cancel(organization=later, actor=SYSTEM_ACTOR, at_once=True)

    go(later, "later", BEGINS + 3 * DAY)

    with clock.frozen(BEGINS + 3 * DAY), tenant_scope(later):
        assert balance_get(organization=later, unit="USD").available == D("99.9999")


def asked(organization: OrganizationRef) -> Decimal:
    with tenant_scope(organization):
        rows = InvoiceItem.objects.filter(kind="usage").values_list("amount", flat=True)
        return sum(rows, Decimal(0))


def add_price(amount: str, **terms: object) -> None:
    with system_scope("test"), clock.frozen(BEGINS):
        price_add(
            actor=SYSTEM_ACTOR,
            meter="prediction",
            terms=PriceTerms(unit_amount=D(amount), minimum=terms.pop("minimum", None)),  # type: ignore[arg-type] # a decimal
            **terms,  # type: ignore[arg-type] # by name
        )


def test_what_was_used_in_a_period_is_asked_for_at_its_end(later: OrganizationRef) -> None:
    use(later, 100_000, BEGINS + DAY)
    use(later, 50_000, FEBRUARY - DAY)
    tick(FEBRUARY - DAY)
    assert len(invoices(later)) == 1
    tick(FEBRUARY)

    invoice = invoices(later)[-1]
    amounts = [(line.kind, line.amount_minor, line.quantity) for line in lines(later, invoice)]
    assert sorted(amounts) == [("fee", 3000, None), ("usage", 1500, 150_000)]
    usage = next(line for line in lines(later, invoice) if line.kind == "usage")
    assert (usage.starts_at, usage.ends_at) == (BEGINS, FEBRUARY)
    assert usage.params == {"meter_en": "Predictions", "meter_zh": "预测"}
    assert asked(later) == receivable(later) == 15


def test_what_is_used_in_the_next_period_waits_for_its_end(later: OrganizationRef) -> None:
    use(later, 100_000, BEGINS + DAY)
    tick(FEBRUARY)
    use(later, 70_000, FEBRUARY)
    tick(FEBRUARY + DAY)
    tick(MARCH)

    assert [row.total_minor for row in invoices(later)] == [3000, 4000, 3700]
    assert asked(later) == receivable(later)


def test_r23_a_late_tick_asks_for_each_period_by_itself(later: OrganizationRef) -> None:
    use(later, 100_000, BEGINS + DAY)
    tick(FEBRUARY)
    use(later, 20_000, FEBRUARY + DAY)
    tick(MARCH + 20 * DAY)

    spans = [(line.starts_at, line.ends_at) for line in lines(later, invoices(later)[-1])]
    assert (FEBRUARY, MARCH) in spans
    assert asked(later) == receivable(later) == 12


def test_what_prepaid_money_covered_is_not_asked_for_again(later: OrganizationRef) -> None:
    top_up(later, 500)
    use(later, 100_000, BEGINS + DAY)
    tick(FEBRUARY)

    usage = [line for line in lines(later, invoices(later)[-1]) if line.kind == "usage"]
    assert [(line.amount_minor, line.quantity) for line in usage] == [(500, 50_000)]


def test_r28_each_event_is_asked_for_at_one_price(later: OrganizationRef) -> None:
    add_price("0.0002", match={"channel": "batch"})
    use(later, 10_000, BEGINS + DAY)
    use(later, 10_000, BEGINS + DAY, dims={"channel": "batch"})
    use(later, 10_000, BEGINS + DAY, dims={"channel": "online"})
    tick(FEBRUARY)

    usage = [line for line in lines(later, invoices(later)[-1]) if line.kind == "usage"]
    assert sorted((line.amount_minor, line.quantity) for line in usage) == [
        (200, 10_000),
        (200, 20_000),
    ]


def test_a_prices_least_amount_is_filled_up(later: OrganizationRef) -> None:
    add_price("0.0001", minimum=D(8), plan="later")
    use(later, 10_000, BEGINS + DAY)
    tick(FEBRUARY)
    tick(MARCH)

    amounts = {line.kind: line.amount_minor for line in lines(later, invoices(later)[1])}
    assert amounts == {"usage": 100, "minimum": 700, "fee": 3000}
    assert [line.kind for line in lines(later, invoices(later)[2])] == ["fee"]


@pytest.mark.parametrize(("minimum", "asked"), [(D(8), 500), (D(4), 100), (D(3), 0), (None, 0)])
def test_what_a_price_asks_at_least_is_asked_once_though_its_version_changes(
    later: OrganizationRef, minimum: Decimal | None, asked: int
) -> None:
    add_price("0.0001", minimum=D(8), plan="later")
    use(later, 10_000, BEGINS + DAY)
    add_price("0.0002", minimum=minimum, plan="later", effective_at=BEGINS + 2 * DAY)
    use(later, 10_000, BEGINS + 3 * DAY)

    tick(FEBRUARY)

    found = [
        line.amount_minor for line in lines(later, invoices(later)[1]) if line.kind == "minimum"
    ]
    assert sum(found) == asked
    assert len(found) <= 1


def test_a_credit_line_that_the_operator_gave_is_invoiced_by_the_month(
    organization: OrganizationRef,
) -> None:
    line = partial(balance_grant, kind="credit_line", unit="USD", amount=50, source="by hand")
    with clock.frozen(BEGINS - 9 * DAY), tenant_scope(organization):
        line(organization=organization)
    use(organization, 100_000, BEGINS - DAY)
    tick(BEGINS)
    assert invoices(organization) == []
    tick(BEGINS + DAY)

    (invoice,) = invoices(organization)
    (usage,) = lines(organization, invoice)
    assert (usage.kind, usage.amount_minor) == ("usage", 1000)
    assert usage.ends_at == datetime(2029, 2, 1, tzinfo=UTC)


def test_what_was_booked_before_invoices_were_made_is_not_asked_for(
    later: OrganizationRef,
) -> None:
    use(later, 100_000, BEGINS)
    with tenant_scope(later):
        InvoiceSchedule.objects.update(begins_at=BEGINS + DAY)
    use(later, 20_000, BEGINS + DAY)
    tick(FEBRUARY)

    assert asked(later) == 2


def test_less_than_a_coin_and_less_than_a_card_can_pay_wait(organization: OrganizationRef) -> None:
    add_credit_plan(fee="0")
    go(organization, "later", BEGINS)
    for units, used, ended in ((10, BEGINS, FEBRUARY), (4_000, FEBRUARY, MARCH)):
        use(organization, units, used)
        tick(ended)
        assert invoices(organization) == []
    use(organization, 1_000, MARCH)
    tick(APRIL)

    (invoice,) = invoices(organization)
    amounts = [line.amount for line in lines(organization, invoice)]
    assert amounts == [D("0.001"), D("0.4"), D("0.1")]
    assert invoice.total_minor == 50
    assert asked(organization) == receivable(organization)


def test_each_line_is_rounded_once_half_a_coin_up(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "0.005", "0.0149", "10", "-0.005")

    assert [line.amount_minor for line in lines(organization, invoice)] == [1, 1, 1000, -1]
    assert invoice.total_minor == 1001


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1235), ("USD", 123456), ("KWD", 1234556)])
def test_r19_lines_are_in_the_currencys_own_coins(
    organization: OrganizationRef, currency: str, minor: int
) -> None:
    ask(organization, "1234.5555", currency=currency)
    tick(BEGINS)

    (invoice,) = invoices(organization)
    assert (invoice.currency, invoice.total_minor) == (currency, minor)


def test_each_currency_has_an_invoice_of_its_own(organization: OrganizationRef) -> None:
    ask(organization, "5", currency="USD")
    ask(organization, "700", currency="JPY")
    tick(BEGINS)

    made = {row.currency: row.total_minor for row in invoices(organization)}
    assert made == {"USD": 500, "JPY": 700}


def test_a_source_asks_once(organization: OrganizationRef) -> None:
    first = ask(organization, "5", source="outcome:1")

    assert ask(organization, "5", source="outcome:1") == first
    with pytest.raises(ItemConflict):
        ask(organization, "6", source="outcome:1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": ""},
        {"source": "x" * 201},
        {"kind": "discount"},
        {"kind": "gift"},
        {"amount": D(0)},
        {"amount": D("NaN")},
        {"amount": D("1e16")},
        {"amount": D("1e-13")},
        {"currency": "XXX"},
    ],
)
def test_what_no_invoice_could_hold_is_refused(
    organization: OrganizationRef, wrong: dict[str, object]
) -> None:
    values = {"source": "s", "kind": ItemKind.OUTCOME, "currency": "USD", "amount": D(5)} | wrong
    with tenant_scope(organization), pytest.raises(DomainError) as refused:
        item_add(organization=organization, description_code="text", **values)  # type: ignore[arg-type] # wrong on purpose

    assert isinstance(refused.value, ItemInvalid) or refused.value.code == "currency_unknown"


def test_an_items_invoice_is_made_at_the_end_of_the_period_at_the_latest(
    organization: OrganizationRef,
) -> None:
    ask(organization, "5", BEGINS, due_at=None)
    tick(BEGINS)
    assert invoices(organization) == []
    tick(BEGINS + DAY)

    assert [row.total_minor for row in invoices(organization)] == [500]


def test_taxes_are_of_the_customers_country_and_calculated_on_the_sum(
    organization: OrganizationRef,
) -> None:
    add_tax("19")
    add_tax("7.25", country="US")
    set_profile(organization, country="DE")
    invoice = invoiced(organization, "0.23", "0.23", "0.23")

    shares = [line.tax_minor for line in lines(organization, invoice)]
    assert (invoice.subtotal_minor, invoice.tax_minor, sum(shares)) == (69, 13, 13)


def test_a_customer_without_a_country_pays_the_sellers_taxes(organization: OrganizationRef) -> None:
    set_seller(country="DE")
    add_tax("19")

    assert invoiced(organization, "100").tax_minor == 1900


def test_a_customer_abroad_with_a_tax_number_owes_the_tax_itself(
    organization: OrganizationRef,
) -> None:
    set_seller(country="FR")
    add_tax("19", reverse_charge=True)
    set_profile(organization, country="DE", tax_id="DE123")
    invoice = invoiced(organization, "100")

    assert (invoice.tax_minor, invoice.reverse_charge) == (0, True)


def test_codes_are_taken_off_before_taxes_and_once(organization: OrganizationRef) -> None:
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D(10), invoices=1), "TENTH-OFF", BEGINS)
    add(PromotionTerms(kind=PromotionKind.AMOUNT, amount=D(5), currency="USD"), "FIVE-OFF", BEGINS)
    redeem(organization, "TENTH-OFF", BEGINS)
    redeem(organization, "FIVE-OFF", BEGINS)
    set_profile(organization)
    add_tax("20")

    first, second = invoiced(organization, "100"), invoiced(organization, "100")

    assert [line.amount_minor for line in lines(organization, first)] == [10000, -1000, -500]
    assert (first.tax_minor, first.total_minor, second.total_minor) == (1700, 10200, 12000)
    assert drifts(organization) == []


def test_r27_more_invoices_than_can_be_right_park_the_account(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "MOST_A_DAY", 2)
    for _ in range(2):
        invoiced(organization, "5")
    ask(organization, "5")
    with clock.frozen(BEGINS), tenant_scope(organization), pytest.raises(InvoiceLoop):
        invoices_close(organization=organization)
    for _ in range(3):
        tick(BEGINS)

    assert len(invoices(organization)) == 2
    with tenant_scope(organization):
        assert "more invoices in a day" in account_get(organization=organization).parked_reason
