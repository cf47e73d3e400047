"""`GET /v1/usage`: sums in buckets, of one's own rows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.functions import hold_settle
from billing.ledger.services import hold_take
from billing.metering.selectors import usage_event_get
from tests.unit.factories import error_of, make_client

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = 86_400


def use(
    organization: OrganizationRef,
    units: int,
    *,
    at: datetime = NOON,
    unit: str = "prediction",
    model: str = "sentiment-en",
    api_key_id: UUID | None = None,
) -> UUID:
    """Use some units; the id of the first usage event."""
    ids = [uuid7() for _ in range(units)]
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit=unit, amount=units, key=str(ids[0]), ttl_seconds=60
        )
        code = hold_settle(
            {
                "organization_id": organization.id,
                "hold_id": hold.id,
                "captured": units,
                "source": "classify",
                "ids": ids,
                "model": model,
                "api_key_id": api_key_id,
                "occurred_at": at.isoformat(),
                "dims": {"base": "minilm-l6"},
            }
        )
    assert code == "captured"
    return ids[0]


def usage(client: APIClient, **query: Any) -> dict[str, Any]:
    start = int(NOON.timestamp()) // DAY * DAY
    response = client.get("/v1/usage", {"start_time": start, "end_time": start + 2 * DAY, **query})
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def test_sums_by_day_with_empty_days_listed(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    use(organization, 3)
    use(organization, 2, model="other")

    body = usage(client_api)

    start = int(NOON.timestamp()) // DAY * DAY
    assert body == {
        "object": "page",
        "data": [
            {
                "object": "bucket",
                "start_time": start,
                "end_time": start + DAY,
                "results": [
                    {
                        "object": "usage.result",
                        "meter": "prediction",
                        "units": 5,
                        "model": None,
                        "api_key_id": None,
                        "deployment_id": None,
                    }
                ],
            },
            {
                "object": "bucket",
                "start_time": start + DAY,
                "end_time": start + 2 * DAY,
                "results": [],
            },
        ],
        "has_more": False,
        "next_page": None,
    }


def test_groups_by_model_and_key_and_never_mixes_meters(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    key = uuid7()
    use(organization, 3, api_key_id=key)
    use(organization, 2, model="other")
    use(organization, 4, unit="trained_token", model="other")

    body = usage(client_api, **{"group_by[]": ["model", "api_key_id"]})

    found = {
        (one["meter"], one["model"], one["api_key_id"], one["units"])
        for one in body["data"][0]["results"]
    }
    assert found == {
        ("prediction", "sentiment-en", public_id("key_", key), 3),
        ("prediction", "other", None, 2),
        ("trained_token", "other", None, 4),
    }


def test_pages_through_hours(organization: OrganizationRef, client_api: APIClient) -> None:
    use(organization, 1)

    first = usage(client_api, bucket_width="1h", limit=12)
    second = usage(client_api, bucket_width="1h", limit=12, page=first["next_page"])

    assert [len(first["data"]), len(second["data"])] == [12, 12]
    assert first["has_more"]
    assert sum(len(bucket["results"]) for bucket in first["data"]) == 0
    assert second["data"][0]["results"][0]["units"] == 1


def test_without_parameters_shows_the_last_seven_days(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    use(organization, 2, at=datetime.now(UTC))

    body = client_api.get("/v1/usage").json()

    assert sum(one["units"] for bucket in body["data"] for one in bucket["results"]) == 2


def test_another_organizations_usage_is_not_counted(
    organization: OrganizationRef, other_client_api: APIClient
) -> None:
    use(organization, 3)

    assert [bucket["results"] for bucket in usage(other_client_api)["data"]] == [[], []]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"bucket_width": "1y"}, "bucket_width"),
        ({"group_by[]": "colour"}, "group_by"),
        ({"limit": 0}, "limit"),
        ({"limit": 32}, "limit"),
        ({"limit": "7.5"}, "limit"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": "0" * 30 + "9" * 30}, "start_time"),
        ({"start_time": 200, "end_time": 100}, "start_time"),
        ({"end_time": -1}, "end_time"),
        ({"end_time": 10**15}, "end_time"),
        ({"page": "nope"}, "page"),
    ],
)
def test_wrong_parameters_are_named(
    client_api: APIClient, query: dict[str, Any], param: str
) -> None:
    response = client_api.get("/v1/usage", query)

    assert response.status_code == 400
    assert error_of(response)["param"] == param


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.VIEWER, (), 200),
        (Role.BILLING, (KeyScope.BILLING_READ,), 200),
        (Role.OWNER, (KeyScope.PREDICT,), 200),
        (Role.DEVELOPER, (KeyScope.BILLING_READ,), 403),
    ],
)
def test_readers_and_billing_keys_may_see_usage(
    organization: OrganizationRef, role: Role, scopes: tuple[KeyScope, ...], status: int
) -> None:
    assert make_client(organization, role, *scopes).get("/v1/usage").status_code == status


def test_a_prediction_is_found_by_its_id_by_its_owner_alone(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    prediction = use(organization, 2)

    with tenant_scope(organization):
        found = usage_event_get(organization=organization, event_id=prediction)
    with tenant_scope(other_organization), pytest.raises(NotFound):
        usage_event_get(organization=other_organization, event_id=prediction)

    assert (found.id, found.model, found.units) == (prediction, "sentiment-en", 1)
    assert found.dims == {"base": "minilm-l6"}
