import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import collect, top_up, types

Client = stripe.StripeClient


def test_a_session_says_what_is_sold_and_where_to_go(client: Client) -> None:
    session = top_up(client, metadata={"invoice": "inv_1"}, client_reference_id="org_1")
    assert (session.status, session.payment_status, session.amount_total) == (
        "open",
        "unpaid",
        1000,
    )
    assert session.payment_intent is None
    assert session.url == f"https://checkout.stripe.com/c/pay/{session.id}"
    found = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert [each.amount_total for each in found.line_items] == [1000]
    (item,) = client.v1.checkout.sessions.line_items.list(session.id)
    assert (item.description, item.quantity, item.price.unit_amount) == ("Credit", 1, 1000)


def test_a_paid_session_tells_everything_in_order(fake: StripeFake, client: Client) -> None:
    data = {"metadata": {"invoice": "inv_1"}, "description": "Invoice 1"}
    session = top_up(client, payment_intent_data=data)
    done = fake.checkout(session.id, email="ada@example.com")
    assert (done["status"], done["payment_status"], done["url"]) == ("complete", "paid", None)
    assert done["customer_details"]["email"] == "ada@example.com"
    intent = client.v1.payment_intents.retrieve(done["payment_intent"])
    assert (intent.metadata["invoice"], intent.description) == ("inv_1", "Invoice 1")
    assert types(fake) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_a_declined_card_leaves_the_session_open_for_another(
    fake: StripeFake, client: Client
) -> None:
    session = top_up(client)
    assert fake.checkout(session.id, payment_method="pm_card_chargeDeclined")["status"] == "open"
    failed = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert failed.payment_intent.status == "requires_payment_method"
    done = fake.checkout(session.id)
    assert (done["status"], done["payment_intent"]) == ("complete", failed.payment_intent.id)


def test_the_customer_may_be_asked_on_the_page(fake: StripeFake, client: Client) -> None:
    card = "pm_card_authenticationRequired"
    session = top_up(client)
    refused = fake.checkout(session.id, payment_method=card, authenticates=False)
    assert (refused["status"], refused["payment_status"]) == ("open", "unpaid")
    assert fake.checkout(session.id, payment_method=card)["payment_status"] == "paid"


def test_a_card_can_be_saved_while_paying(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    session = top_up(
        client,
        customer=customer.id,
        payment_intent_data={"setup_future_usage": "off_session"},
        saved_payment_method_options={"payment_method_save": "enabled"},
        adaptive_pricing={"enabled": False},
    )
    fake.checkout(session.id, payment_method="pm_card_mastercard")
    (saved,) = client.v1.payment_methods.list({"customer": customer.id})
    assert collect(client, customer.id, saved.id).status == "succeeded"


def test_setup_mode_saves_a_card_and_takes_nothing(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    session = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "usd",
            "customer": customer.id,
            "success_url": "https://shop.example/done",
            "setup_intent_data": {"metadata": {"organization": "org_1"}},
            "expand": ["setup_intent"],
        }
    )
    assert session.payment_status == "no_payment_required"
    assert session.setup_intent.metadata["organization"] == "org_1"
    refused = fake.checkout(session.id, payment_method="pm_card_chargeDeclined")
    assert refused["status"] == "open"
    card = "pm_card_authenticationRequiredOnSetup"
    assert fake.checkout(session.id, payment_method=card)["status"] == "complete"
    (saved,) = client.v1.payment_methods.list({"customer": customer.id})
    assert collect(client, customer.id, saved.id).status == "succeeded"


def test_a_customer_is_made_where_that_was_asked(fake: StripeFake, client: Client) -> None:
    guest = fake.checkout(top_up(client).id)
    assert guest["customer"] is None
    known = fake.checkout(
        top_up(client, customer_creation="always", customer_email="ada@example.com").id
    )
    assert client.v1.customers.retrieve(known["customer"]).email == "ada@example.com"


def test_an_expired_session_takes_nothing_more(fake: StripeFake, client: Client) -> None:
    session = top_up(client)
    fake.checkout(session.id, payment_method="pm_card_chargeDeclined")
    expired = client.v1.checkout.sessions.expire(session.id, {"expand": ["payment_intent"]})
    assert (expired.status, expired.url) == ("expired", None)
    assert expired.payment_intent.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        client.v1.checkout.sessions.expire(session.id)
    with pytest.raises(ValueError, match="takes nothing more"):
        fake.checkout(session.id)


def test_a_session_expires_by_itself(fake: StripeFake, client: Client) -> None:
    moment = fake.clock.seconds + 30 * 60
    soon, usual = top_up(client, expires_at=moment), top_up(client)
    fake.advance(hours=1)
    assert client.v1.checkout.sessions.retrieve(soon.id).status == "expired"
    assert client.v1.checkout.sessions.retrieve(usual.id).status == "open"
    fake.advance(hours=23)
    assert client.v1.checkout.sessions.retrieve(usual.id).status == "expired"
    (first, _) = [each for each in fake.all("event") if each["type"] == "checkout.session.expired"]
    assert (first["created"], first["request"]["id"]) == (moment, None)


@pytest.mark.parametrize("minutes", [10, 25 * 60])
def test_a_session_lives_from_half_an_hour_to_a_day(
    fake: StripeFake, client: Client, minutes: int
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        top_up(client, expires_at=fake.clock.seconds + minutes * 60)
    assert refused.value.param == "expires_at"
    with pytest.raises(stripe.InvalidRequestError, match="at least 30 minutes"):
        top_up(client, expires_at=0)


def test_the_payment_of_an_open_session_is_given_up_with_the_session(
    fake: StripeFake, client: Client
) -> None:
    session = top_up(client)
    tried = fake.checkout(session.id, payment_method="pm_card_chargeDeclined")
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
        client.v1.payment_intents.cancel(tried["payment_intent"])


@pytest.mark.parametrize(
    ("bank", "status", "told"),
    [
        ("pm_usBankAccount_success", "paid", "checkout.session.async_payment_succeeded"),
        ("pm_usBankAccount_insufficientFunds", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
def test_a_bank_account_completes_now_and_pays_later(
    fake: StripeFake, client: Client, bank: str, status: str, told: str
) -> None:
    session = top_up(client, payment_method_types=["us_bank_account"])
    done = fake.checkout(session.id, payment_method=bank)
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
    fake.advance(days=5)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == status
    assert types(fake)[-1] == told


def test_sessions_are_listed_by_customer_and_payment(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    mine, other = top_up(client, customer=customer.id), top_up(client)
    paid = fake.checkout(other.id)
    sessions = client.v1.checkout.sessions
    assert [each.id for each in sessions.list({"customer": customer.id})] == [mine.id]
    assert [each.id for each in sessions.list({"payment_intent": paid["payment_intent"]})] == [
        other.id
    ]
    assert [each.id for each in sessions.list({"status": "open"})] == [mine.id]


def test_what_is_sold_must_be_said_in_one_currency(client: Client) -> None:
    items = [
        {
            "quantity": 1,
            "price_data": {
                "currency": currency,
                "unit_amount": 1000,
                "product_data": {"name": currency},
            },
        }
        for currency in ("usd", "eur")
    ]
    with pytest.raises(stripe.InvalidRequestError, match="same currency"):
        top_up(client, line_items=items)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        top_up(client, line_items=[])
    assert refused.value.code == "parameter_missing"


def test_a_catalogue_price_is_sold_too(client: Client) -> None:
    product = client.v1.products.create({"name": "Credit"})
    price = client.v1.prices.create({"currency": "jpy", "unit_amount": 500, "product": product.id})
    session = top_up(client, line_items=[{"price": price.id, "quantity": 3}])
    assert (session.amount_total, session.currency) == (1500, "jpy")


def test_the_fake_says_that_it_keeps_no_subscriptions(client: Client) -> None:
    with pytest.raises(stripe.APIError, match="we keep subscriptions"):
        top_up(client, mode="subscription")


def test_what_another_mode_would_use_is_refused(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="`payment` mode"):
        top_up(client, setup_intent_data={"description": "a card"})
    with pytest.raises(stripe.InvalidRequestError, match="`setup` mode"):
        client.v1.checkout.sessions.create(
            {
                "mode": "setup",
                "currency": "usd",
                "success_url": "https://shop.example/done",
                "payment_intent_data": {"description": "a payment"},
            }
        )
