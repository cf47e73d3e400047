"""Currencies: what a card can pay of each, as Stripe counts it, and one per account."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Invoice
from billing.payments.errors import AmountInvalid
from billing.payments.limits import least_most
from billing.payments.models import Refund
from billing.payments.provider.amounts import chargeable, from_stripe, most_chargeable, to_stripe
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.returning import refund_ask
from billing.payments.tasks import auto_top_up, retry
from billing.prices.currency import least_charge
from tests.stripe_fake.money import CURRENCIES, LARGEST, SMALLEST
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import ask, credit, invoiced, invoices, pay, tick, top_up
from tests.unit.payments.shop import Shop
from tests.unit.payments.test_auto_top_up import wanted

OF_BOTH = sorted(code.upper() for code in CURRENCIES - {"ang", "std"})


@pytest.mark.parametrize("currency", OF_BOTH)
def test_what_is_paid_at_once_is_within_what_stripe_charges(currency: str) -> None:
    least, most = least_most(currency)

    assert SMALLEST.get(currency.lower(), 1) <= to_stripe(least, currency)
    assert to_stripe(least, currency) < to_stripe(most, currency) <= LARGEST
    assert SMALLEST.get(currency.lower(), 1) <= to_stripe(
        chargeable(least_charge(currency), currency), currency
    )


@pytest.mark.parametrize(
    ("currency", "coins", "stripe"),
    [
        ("USD", 1050, 1050),
        ("JPY", 500, 500),
        ("HUF", 17_500, 17_500),
        ("ISK", 500, 50_000),
        ("UGX", 2_000, 200_000),
        ("MGA", 120_000, 1_200),
        ("KWD", 5_120, 5_120),
    ],
)
def test_r19_coins_are_counted_as_stripe_counts_them(
    currency: str, coins: int, stripe: int
) -> None:
    assert to_stripe(coins, currency) == stripe
    assert from_stripe(stripe, currency) == coins


@pytest.mark.parametrize(("currency", "coins", "paid"), [("KWD", 5_124, 5_130), ("MGA", 101, 200)])
def test_an_amount_that_no_card_can_pay_is_rounded_up(currency: str, coins: int, paid: int) -> None:
    with pytest.raises(AmountInvalid):
        to_stripe(coins, currency)

    assert chargeable(coins, currency) == paid
    assert chargeable(paid, currency) == paid


def test_the_most_is_a_whole_step() -> None:
    assert most_chargeable("KWD") == 99_999_990
    assert most_chargeable("ISK") == 999_999


@pytest.mark.django_db
def test_an_account_is_kept_in_what_it_is_invoiced_in(shop: Shop) -> None:
    invoiced(shop.organization, "50", at=clock.now())

    refused = shop.open(purpose="top_up", amount="5000", currency="JPY", status=400)

    assert "USD" in refused["error"]["message"]
    shop.open(purpose="top_up", amount="50")


@pytest.mark.django_db
def test_of_two_pages_in_two_currencies_the_second_is_paid_back(shop: Shop) -> None:
    yen = shop.open(purpose="top_up", amount="5000", currency="JPY")
    dollars = shop.open(purpose="top_up", amount="50", currency="USD")
    shop.complete(yen)
    shop.hear()
    shop.complete(dollars)
    shop.hear(copies=2)

    assert (shop.credit("JPY"), shop.states()) == (5000, {"done"})
    assert [(row.currency, row.refunded_minor) for row in shop.payments()] == [
        ("JPY", 0),
        ("USD", 5000),
    ]
    assert [one.currency for one in invoices(shop.organization)] == ["JPY"]


@pytest.mark.django_db
def test_what_is_paid_beyond_an_invoice_of_another_currency_goes_back_to_its_card(
    shop: Shop,
) -> None:
    invoice = invoiced(shop.organization, "20", at=clock.now())
    page = shop.open(purpose="invoice", invoice=public_id("inv_", invoice.id))
    top_up(shop.organization, 2500, "JPY", at=clock.now())
    pay(shop.organization, invoice, 500, at=clock.now())
    shop.complete(page)
    shop.hear()

    with tenant_scope(shop.organization):
        refund = Refund.objects.get()
    assert refund_ask(organization=shop.organization, refund_id=refund.id) == "succeeded"
    shop.hear()

    assert [each["amount"] for each in shop.fake.all("refund")] == [500]
    assert shop.invoice(invoice).payment_status == "paid"
    assert shop.states() == {"done"}


@pytest.mark.django_db
def test_an_invoice_is_paid_in_full_where_cards_pay_no_last_decimal(shop: Shop, card: str) -> None:
    ask(shop.organization, "5.124", clock.now(), currency="KWD")
    tick(clock.now())
    (invoice,) = invoices(shop.organization)

    answer = shop.api.post(
        f"/v1/billing/invoices/{public_id('inv_', invoice.id)}/pay",
        headers={"Idempotency-Key": "once"},
    )

    assert answer.status_code == 200, answer.content
    assert shop.invoice(invoice).payment_status == "paid"
    assert (shop.collected(), shop.credit("KWD")) == (5130, Decimal("0.006"))


@pytest.mark.django_db
def test_what_no_card_can_pay_waits_for_the_next_invoice(shop: Shop) -> None:
    ask(shop.organization, "0.2", clock.now())
    tick(clock.now())
    assert invoices(shop.organization) == []

    ask(shop.organization, "0.3", clock.now())
    tick(clock.now() + timedelta(seconds=1))

    (invoice,) = invoices(shop.organization)
    assert invoice.total_minor == 50


@pytest.mark.django_db
def test_a_rest_that_no_card_can_pay_is_refused_with_a_sentence(shop: Shop, card: str) -> None:
    invoice = invoiced(shop.organization, "20", at=clock.now())
    pay(shop.organization, invoice, 1970, at=clock.now())

    answer = shop.api.post(
        f"/v1/billing/invoices/{public_id('inv_', invoice.id)}/pay",
        headers={"Idempotency-Key": "once"},
    )

    assert error_of(answer)["code"] == "payment_amount_invalid"
    assert [row.amount_minor for row in shop.attempts()] == [1970]


def kuwaiti(shop: Shop, amount: str = "5.124") -> Invoice:
    """An invoice in dinars."""
    ask(shop.organization, amount, clock.now(), currency="KWD")
    tick(clock.now())
    return invoices(shop.organization)[-1]


def refunds(shop: Shop) -> list[tuple[int, str]]:
    with tenant_scope(shop.organization):
        return list(Refund.objects.order_by("id").values_list("amount_minor", "state"))


@pytest.mark.django_db
def test_a_note_whose_coins_no_card_takes_back_is_refused(shop: Shop, card: str) -> None:
    invoice = kuwaiti(shop)
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    back = partial(credit, shop.organization, invoice, return_by=ReturnBy.REFUND, at=clock.now())

    with pytest.raises(AmountInvalid):
        back(5124)
    assert refunds(shop) == []

    back(5120)
    retry()
    assert refunds(shop) == [(5120, "succeeded")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("transfer", "sent"), [(0, [(6, "failed")]), (3333, [(3330, "succeeded")])]
)
def test_an_excess_goes_back_as_far_as_cards_take_coins_back(
    shop: Shop, card: str, transfer: int, sent: list[tuple[int, str]]
) -> None:
    invoice = kuwaiti(shop)
    page = shop.open(purpose="invoice", invoice=public_id("inv_", invoice.id))
    top_up(shop.organization, 2500, "USD", at=clock.now())
    if transfer:
        pay(shop.organization, invoice, transfer, at=clock.now())
    shop.complete(page)
    shop.hear()

    retry()

    assert shop.invoice(invoice).payment_status == "paid"
    assert refunds(shop) == sent


@pytest.mark.django_db
def test_an_amount_that_no_card_pays_is_refused_before_it_is_tried(shop: Shop, card: str) -> None:
    body = shop.open(purpose="top_up", amount="10.005", currency="KWD", status=400)

    assert body["error"]["code"] == "payment_amount_invalid"
    assert shop.attempts() == []


@pytest.mark.django_db
def test_a_days_cap_that_no_card_pays_is_bought_up_to(shop: Shop, card: str) -> None:
    top_up(shop.organization, 5000, "KWD", at=clock.now())
    wanted(shop, threshold="100", amount="30", cap="30.005")

    auto_top_up()

    bought = [(row.amount_minor, row.state) for row in shop.attempts() if row.automatic]
    assert bought == [(30_000, "succeeded")]
