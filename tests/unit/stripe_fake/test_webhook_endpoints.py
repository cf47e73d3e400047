import pytest
import stripe

Client = stripe.StripeClient
URL = "https://shop.example/webhooks"


def test_the_secret_is_told_once(client: Client) -> None:
    made = client.v1.webhook_endpoints.create(
        {"url": URL, "enabled_events": ["charge.succeeded", "refund.created"]}
    )
    assert made.secret.startswith("whsec_")
    assert "secret" not in client.v1.webhook_endpoints.retrieve(made.id)
    assert [each.id for each in client.v1.webhook_endpoints.list()] == [made.id]


def test_an_endpoint_is_changed_switched_off_and_deleted(client: Client) -> None:
    made = client.v1.webhook_endpoints.create({"url": URL, "enabled_events": ["*"]})
    kept = client.v1.webhook_endpoints.update(
        made.id, {"enabled_events": ["charge.succeeded"], "disabled": True}
    )
    assert (kept.status, kept.enabled_events) == ("disabled", ["charge.succeeded"])
    assert client.v1.webhook_endpoints.delete(made.id).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such webhook endpoint"):
        client.v1.webhook_endpoints.retrieve(made.id)


def test_an_endpoint_asks_for_at_least_one_event(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.webhook_endpoints.create({"url": URL, "enabled_events": []})
    assert refused.value.param == "enabled_events"


def test_endpoints_of_other_versions_are_not_served(client: Client) -> None:
    with pytest.raises(stripe.StripeError, match="api_version"):
        client.v1.webhook_endpoints.create(
            {"url": URL, "enabled_events": ["*"], "api_version": "2023-08-16"}
        )
