import pytest
import stripe

from tests.stripe_fake import StripeFake

Client = stripe.StripeClient
MINUTE = 60


@pytest.fixture
def meter(client: Client) -> stripe.billing.Meter:
    return client.v1.billing.meters.create(
        {
            "display_name": "Predictions",
            "event_name": "prediction",
            "default_aggregation": {"formula": "sum"},
        }
    )


def send(
    client: Client, customer: str, value: str = "1", **more: object
) -> stripe.billing.MeterEvent:
    payload = {"stripe_customer_id": customer, "value": value}
    return client.v1.billing.meter_events.create(
        {"event_name": "prediction", "payload": payload, **more}
    )


def total(client: Client, fake: StripeFake, meter: stripe.billing.Meter, customer: str) -> float:
    end = (fake.clock.seconds // MINUTE + 1) * MINUTE
    (summary,) = client.v1.billing.meters.event_summaries.list(
        meter.id, {"customer": customer, "start_time": end - 40 * 24 * 3600, "end_time": end}
    )
    return summary.aggregated_value


def test_a_repeated_identifier_is_refused_and_counts_once(
    fake: StripeFake, client: Client, meter: stripe.billing.Meter, customer: stripe.Customer
) -> None:
    assert send(client, customer.id, "5", identifier="evt_1").identifier == "evt_1"
    with pytest.raises(stripe.InvalidRequestError, match="already exists") as refused:
        send(client, customer.id, "5", identifier="evt_1")
    assert refused.value.http_status == 400
    send(client, customer.id, "2", identifier="evt_2")
    assert total(client, fake, meter, customer.id) == 7


def test_an_identifier_has_at_most_a_hundred_characters(
    client: Client, meter: stripe.billing.Meter, customer: stripe.Customer
) -> None:
    send(client, customer.id, identifier="e" * 100)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        send(client, customer.id, identifier="e" * 101)
    assert refused.value.param == "identifier"


def test_beyond_a_day_an_identifier_protects_no_more(
    fake: StripeFake, client: Client, meter: stripe.billing.Meter, customer: stripe.Customer
) -> None:
    send(client, customer.id, identifier="evt_1")
    fake.advance(hours=23, minutes=59)
    with pytest.raises(stripe.InvalidRequestError):
        send(client, customer.id, identifier="evt_1")
    fake.advance(minutes=2)
    send(client, customer.id, identifier="evt_1")
    assert total(client, fake, meter, customer.id) == 2


def test_the_same_request_under_its_key_is_answered_again(
    fake: StripeFake, client: Client, meter: stripe.billing.Meter, customer: stripe.Customer
) -> None:
    params = {
        "event_name": "prediction",
        "identifier": "evt_1",
        "payload": {"stripe_customer_id": customer.id, "value": "3"},
    }
    for _ in range(2):
        client.v1.billing.meter_events.create(params, {"idempotency_key": "k"})
    assert total(client, fake, meter, customer.id) == 3


@pytest.mark.parametrize("offset", [-35 * 24 * 3600 - 60, 6 * 60])
def test_events_are_neither_too_old_nor_of_the_future(
    fake: StripeFake,
    client: Client,
    meter: stripe.billing.Meter,
    customer: stripe.Customer,
    offset: int,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        send(client, customer.id, timestamp=fake.clock.seconds + offset)
    assert refused.value.param == "timestamp"
    with pytest.raises(stripe.InvalidRequestError, match="35 calendar days"):
        send(client, customer.id, timestamp=0)


def test_an_event_is_taken_back_within_a_day(
    fake: StripeFake, client: Client, meter: stripe.billing.Meter, customer: stripe.Customer
) -> None:
    send(client, customer.id, "5", identifier="evt_1")
    send(client, customer.id, "2", identifier="evt_2")
    cancel = {"event_name": "prediction", "type": "cancel", "cancel": {"identifier": "evt_1"}}
    assert client.v1.billing.meter_event_adjustments.create(cancel).status == "pending"
    assert total(client, fake, meter, customer.id) == 2
    fake.advance(hours=25)
    late = cancel | {"cancel": {"identifier": "evt_2"}}
    with pytest.raises(stripe.InvalidRequestError, match="last 24 hours"):
        client.v1.billing.meter_event_adjustments.create(late)


def test_an_unknown_customers_event_is_taken_and_counts_nothing(
    fake: StripeFake, client: Client, meter: stripe.billing.Meter
) -> None:
    send(client, "cus_nobody")
    assert total(client, fake, meter, "cus_nobody") == 0


@pytest.mark.parametrize(
    ("payload", "param"),
    [
        ({"value": "1"}, "payload[stripe_customer_id]"),
        ({"stripe_customer_id": "cus_1"}, "payload[value]"),
        ({"stripe_customer_id": "cus_1", "value": "many"}, "payload[value]"),
        ({"stripe_customer_id": "cus_1", "value": "1234567890.123456"}, "payload[value]"),
    ],
)
def test_a_payload_must_hold_what_the_meter_reads(
    client: Client, meter: stripe.billing.Meter, payload: dict[str, str], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing.meter_events.create({"event_name": "prediction", "payload": payload})
    assert refused.value.param == param


def test_an_inactive_meter_takes_nothing(
    client: Client, meter: stripe.billing.Meter, customer: stripe.Customer
) -> None:
    assert client.v1.billing.meters.deactivate(meter.id).status == "inactive"
    with pytest.raises(stripe.InvalidRequestError, match="No active meter"):
        send(client, customer.id)
    assert [each.id for each in client.v1.billing.meters.list({"status": "inactive"})] == [meter.id]
    assert client.v1.billing.meters.reactivate(meter.id).status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="already active"):
        client.v1.billing.meters.reactivate(meter.id)


def test_two_active_meters_cannot_share_an_event_name(
    client: Client, meter: stripe.billing.Meter
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing.meters.create(
            {
                "display_name": "Again",
                "event_name": "prediction",
                "default_aggregation": {"formula": "count"},
            }
        )
    assert refused.value.param == "event_name"
    renamed = client.v1.billing.meters.update(meter.id, {"display_name": "Calls"})
    assert client.v1.billing.meters.retrieve(meter.id).display_name == renamed.display_name


@pytest.mark.parametrize(("formula", "wanted"), [("sum", 6), ("count", 2), ("last", 4)])
def test_a_meter_sums_counts_or_takes_the_last(
    fake: StripeFake, client: Client, customer: stripe.Customer, formula: str, wanted: int
) -> None:
    meter = client.v1.billing.meters.create(
        {
            "display_name": "Seats",
            "event_name": "prediction",
            "default_aggregation": {"formula": formula},
            "customer_mapping": {"type": "by_id", "event_payload_key": "who"},
            "value_settings": {"event_payload_key": "seats"},
        }
    )
    for seats in ("2", "4"):
        fake.advance(minutes=1)
        client.v1.billing.meter_events.create(
            {"event_name": "prediction", "payload": {"who": customer.id, "seats": seats}}
        )
    assert total(client, fake, meter, customer.id) == wanted


def test_sums_are_split_by_the_hour(
    fake: StripeFake, client: Client, meter: stripe.billing.Meter, customer: stripe.Customer
) -> None:
    start = fake.clock.seconds
    send(client, customer.id, "1")
    fake.advance(hours=1)
    send(client, customer.id, "2")
    hours = client.v1.billing.meters.event_summaries.list(
        meter.id,
        {
            "customer": customer.id,
            "start_time": start,
            "end_time": start + 2 * 3600,
            "value_grouping_window": "hour",
        },
    )
    assert [each.aggregated_value for each in hours] == [2, 1]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"formula": "median"}, None),
        ({"formula": "sum", "median": "1"}, "parameter_unknown"),
        ({}, "parameter_missing"),
    ],
)
def test_a_meter_is_checked_although_the_description_lacks_it(
    client: Client, wrong: dict[str, str], code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing.meters.create(
            {"display_name": "x", "event_name": "x", "default_aggregation": wrong}
        )
    assert refused.value.code == code
