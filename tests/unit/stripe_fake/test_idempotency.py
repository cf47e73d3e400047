from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy, wait_for

Client = stripe.StripeClient
KEY = {"idempotency_key": "invoice_1"}


def test_the_same_request_is_answered_again_and_done_once(fake: StripeFake, client: Client) -> None:
    first = client.v1.customers.create({"name": "Ada"}, KEY)
    again = client.v1.customers.create({"name": "Ada"}, KEY)
    assert first.id == again.id
    assert len(fake.all("customer")) == len(fake.all("event")) == 1
    headers = again.last_response.headers
    assert headers["Idempotent-Replayed"] == "true"
    assert headers["Original-Request"] == first.last_response.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.last_response.headers


def test_the_answer_is_the_first_one_whatever_changed_since(client: Client) -> None:
    first = client.v1.customers.create({"name": "Ada"}, KEY)
    client.v1.customers.update(first.id, {"name": "Eve"})
    assert client.v1.customers.create({"name": "Ada"}, KEY).name == "Ada"


def test_other_parameters_under_the_same_key_are_refused(client: Client) -> None:
    client.v1.customers.create({"name": "Ada"}, KEY)
    with pytest.raises(stripe.IdempotencyError, match="same parameters") as refused:
        client.v1.customers.create({"name": "Eve"}, KEY)
    assert refused.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.products.create({"name": "Ada"}, KEY)


def test_a_decline_is_an_answer_too(fake: StripeFake, client: Client) -> None:
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(
                {
                    "amount": 1000,
                    "currency": "usd",
                    "payment_method": "pm_card_chargeDeclined",
                    "payment_method_types": ["card"],
                    "confirm": True,
                },
                KEY,
            )
    assert len(fake.all("payment_intent")) == len(fake.all("charge")) == 1


def test_a_refused_parameter_leaves_the_key_free(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": 1000}, KEY)
    paid = client.v1.payment_intents.create({"amount": 1000, "currency": "usd"}, KEY)
    assert paid.amount == 1000


def test_a_key_is_forgotten_after_a_day(fake: StripeFake, client: Client) -> None:
    first = client.v1.customers.create({"name": "Ada"}, KEY)
    fake.advance(hours=23)
    assert client.v1.customers.create({"name": "Ada"}, KEY).id == first.id
    fake.advance(hours=2)
    assert client.v1.customers.create({"name": "Ada"}, KEY).id != first.id


def test_an_error_of_stripes_is_kept_under_the_key(fake: StripeFake, client: Client) -> None:
    fake.faults.add("error_after", method="POST")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.customers.create({"name": "Ada"}, KEY)
    assert len(fake.all("customer")) == 1


def test_a_limit_is_not_kept_under_the_key(fake: StripeFake, client: Client) -> None:
    fake.faults.add("rate_limit")
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.create({"name": "Ada"}, KEY)
    assert client.v1.customers.create({"name": "Ada"}, KEY).name == "Ada"


def test_a_key_that_is_in_use_is_a_conflict(fake: StripeFake, client: Client) -> None:
    fake.faults.add("slow", seconds=1)
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(client.v1.customers.create, {"name": "Ada"}, KEY)
        wait_for(lambda: fake.all("customer"))
        with pytest.raises(stripe.StripeError) as refused:
            client.v1.customers.create({"name": "Ada"}, KEY)
        assert refused.value.http_status == 409
        assert refused.value.error.code == "idempotency_key_in_use"
        first = slow.result()
    assert client.v1.customers.create({"name": "Ada"}, KEY).id == first.id


def test_the_official_clients_own_repeats_do_it_once(fake: StripeFake, client: Client) -> None:
    # The client makes a key of its own for every POST, so its repeats are safe.
    fake.faults.add("cut_after", path="/v1/payment_intents")
    paid = client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "payment_method_types": ["card"],
            "confirm": True,
        },
        {"max_network_retries": 1},
    )
    assert paid.status == "succeeded"
    assert len(fake.all("charge")) == 1


def test_keys_have_an_end(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        client.v1.customers.create({}, {"idempotency_key": "k" * 256})


def test_two_payments_have_two_keys(fake: StripeFake, client: Client) -> None:
    buy(client, "pm_card_visa")
    buy(client, "pm_card_visa")
    assert len(fake.all("charge")) == 2
