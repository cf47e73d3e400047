import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stripe

from tests.stripe_fake import StripeFake
from tests.stripe_fake.faults import Fault, Faults, Rule
from tests.stripe_fake.official import official_client

Client = stripe.StripeClient


@pytest.mark.parametrize(
    ("fault", "refused", "done"),
    [
        ("cut_before", stripe.APIConnectionError, 0),
        ("cut_after", stripe.APIConnectionError, 1),
        ("error_before", stripe.APIError, 0),
        ("error_after", stripe.APIError, 1),
        ("rate_limit", stripe.RateLimitError, 0),
        ("lock_timeout", stripe.RateLimitError, 0),
    ],
)
def test_a_fault_comes_before_or_after_the_effect(
    fake: StripeFake, client: Client, fault: str, refused: type[Exception], done: int
) -> None:
    fake.faults.add(fault)
    with pytest.raises(refused):
        client.v1.customers.create({"name": "Ada"})
    assert len(fake.all("customer")) == done
    client.v1.customers.create({"name": "Eve"})


def test_a_fault_meets_the_requests_it_names_as_often_as_asked(
    fake: StripeFake, client: Client
) -> None:
    fake.faults.add("error_before", method="GET", path="/v1/customers/.*", times=2)
    made = client.v1.customers.create()
    client.v1.customers.list()
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.customers.retrieve(made.id)
    assert client.v1.customers.retrieve(made.id).id == made.id


def test_faults_can_be_taken_back(fake: StripeFake, client: Client) -> None:
    fake.faults.add("cut_before", times=100)
    fake.faults.clear()
    assert client.v1.customers.create().id


def test_a_slow_answer_outlasts_an_impatient_client(fake: StripeFake) -> None:
    fake.faults.add("slow", seconds=1)
    with requests.Session() as session:
        hasty = stripe.StripeClient(
            fake.api_key,
            base_addresses={"api": fake.url},
            http_client=stripe.RequestsClient(timeout=0.2, session=session),
            max_network_retries=0,
        )
        with pytest.raises(stripe.APIConnectionError):
            hasty.v1.customers.create({"name": "Ada"})
    assert len(fake.all("customer")) == 1


def test_a_slow_answer_comes(fake: StripeFake, client: Client) -> None:
    fake.faults.add("slow", seconds=0.3)
    started = time.monotonic()
    assert client.v1.customers.create().id
    assert time.monotonic() - started >= 0.3


def test_a_patient_client_overcomes_two_faults(fake: StripeFake) -> None:
    fake.faults.add("cut_before")
    fake.faults.add("cut_after")
    with official_client(fake, retries=2) as patient:
        patient.v1.customers.create({"name": "Ada"})
    assert len(fake.all("customer")) == 1


def test_a_slow_refusal_comes_too(fake: StripeFake, client: Client) -> None:
    fake.faults.add("slow", seconds=0.05)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create({"amount": 1000})
    assert refused.value.code == "parameter_missing"


def test_a_fault_meets_no_more_of_many_requests_at_once_than_asked() -> None:
    class Slow(Rule):
        """As a request's thread may be interrupted at any moment."""

        def meets(self, method: str, path: str) -> bool:
            found = super().meets(method, path)
            time.sleep(0.05)
            return found

    faults = Faults()
    faults._rules.append(Slow(Fault.RATE_LIMIT, "", ".*", 1, 0))
    with ThreadPoolExecutor(4) as threads:
        met = [threads.submit(faults.take, "POST", "/v1/customers") for _ in range(4)]
    assert [each.result() is None for each in met].count(False) == 1
