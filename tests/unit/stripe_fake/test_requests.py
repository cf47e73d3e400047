import pytest
import requests
import stripe

from tests.stripe_fake import StripeFake
from tests.stripe_fake.forms import decoded
from tests.unit.stripe_fake.acts import buy

Client = stripe.StripeClient


def test_nested_brackets_become_mappings_and_lists() -> None:
    form = "a[b][0][c]=1&a[b][1][c]=2&d[]=x&d[]=y&e=&f[g]=%26&metadata[2026]=z"
    assert decoded(form) == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]},
        "d": ["x", "y"],
        "e": "",
        "f": {"g": "&"},
        "metadata": {"2026": "z"},
    }


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "did not provide an API key"),
        ({"Authorization": "Bearer sk_test_other"}, "Invalid API Key provided: sk_test_"),
    ],
)
def test_a_wrong_key_is_refused(fake: StripeFake, headers: dict[str, str], told: str) -> None:
    answer = requests.get(f"{fake.url}/v1/customers", headers=headers, timeout=10)
    assert answer.status_code == 401
    assert told in answer.json()["error"]["message"]


def test_an_unknown_address_is_404_as_stripe_says_it(fake: StripeFake, client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as refused:
        client.raw_request("get", "/v1/customer_list")
    assert refused.value.http_status == 404


def test_an_unknown_parameter_is_refused_with_its_name(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.create({"nickname": "ada"})
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "nickname")


def test_a_missing_parameter_is_named(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create({"currency": "usd"})
    assert (refused.value.code, refused.value.param) == ("parameter_missing", "amount")


def test_a_number_must_be_whole(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create({"amount": "9.99", "currency": "usd"})
    assert refused.value.code == "parameter_invalid_integer"


def test_a_malformed_version_is_refused(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        client.v1.customers.list(None, {"stripe_version": "yesterday"})


def test_every_answer_names_its_request_and_version(client: Client) -> None:
    headers = client.v1.customers.list().last_response.headers
    assert headers["Request-Id"].startswith("req_")
    assert headers["Stripe-Version"] == "2026-10-28.endive"


def test_a_list_is_read_page_by_page_in_both_directions(client: Client) -> None:
    ids = [client.v1.customers.create().id for _ in range(5)][::-1]
    first = client.v1.customers.list({"limit": 2})
    assert ([each.id for each in first], first.has_more) == (ids[:2], True)
    last = client.v1.customers.list({"limit": 3, "starting_after": ids[1]})
    assert ([each.id for each in last], last.has_more) == (ids[2:], False)
    back = client.v1.customers.list({"limit": 2, "ending_before": ids[3]})
    assert ([each.id for each in back], back.has_more) == (ids[1:3], True)
    everything = client.v1.customers.list({"limit": 2}).auto_paging_iter()
    assert [each.id for each in everything] == ids


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_from_one_to_a_hundred(client: Client, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.list({"limit": limit})
    assert refused.value.param == "limit"


def test_a_cursor_must_be_in_the_list(client: Client, customer: stripe.Customer) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.list({"starting_after": "cus_nobody"})
    assert (refused.value.code, refused.value.param) == ("resource_missing", "starting_after")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.list({"starting_after": customer.id, "ending_before": customer.id})
    assert refused.value.code == "parameters_exclusive"


def test_an_id_becomes_its_object_four_levels_deep(
    client: Client, customer: stripe.Customer
) -> None:
    paid = buy(client, "pm_card_visa", customer=customer.id, capture_method="automatic")
    listed = client.v1.payment_intents.list(
        {"expand": ["data.latest_charge.balance_transaction", "data.customer"]}
    )
    (found,) = listed
    assert found.latest_charge.balance_transaction.amount == 1000
    assert found.customer.email == "ada@example.com"
    assert client.v1.payment_intents.retrieve(paid.id).customer == customer.id


@pytest.mark.parametrize("path", ["email", "nothing", "data.data.customer.email.a"])
def test_what_holds_no_id_cannot_be_expanded(
    client: Client, customer: stripe.Customer, path: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        client.v1.customers.retrieve(customer.id, {"expand": [path]})


def test_what_the_fake_does_not_serve_is_said_and_never_ignored(
    fake: StripeFake, client: Client
) -> None:
    with pytest.raises(stripe.APIError, match="does not serve") as refused:
        client.raw_request("post", "/v2/billing/meter_event_session")
    assert refused.value.http_status == 501


def test_ids_of_two_accounts_never_meet(fake: StripeFake) -> None:
    ids = [StripeFake().account.new_id("cus") for _ in range(50)]
    assert len(set(ids)) == 50
    assert StripeFake(seed=1).account.new_id("cus") == StripeFake(seed=1).account.new_id("cus")
