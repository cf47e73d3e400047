"""Webhooks over the API: made, changed, given a new secret, removed."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import parse_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.webhooks.models import Delivery, Webhook, WebhookEvent
from tenants.webhooks.signing import secret_open
from tests.unit.factories import error_of, make_client
from tests.unit.webhooks.helpers import deliveries, emit, make_webhook, only_webhook

pytestmark = pytest.mark.django_db

WEBHOOKS = "/v1/webhooks"
URL = "https://example.com/hooks/anneal?token=abc"


def create(client: APIClient, **fields: object) -> dict:
    answer = client.post(WEBHOOKS, {"url": URL} | fields, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def audit(organization: OrganizationRef) -> list[tuple[str, dict]]:
    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(action__startswith="webhook.").order_by("id")
        return list(rows.values_list("action", "detail"))


def test_the_secret_is_shown_once_and_stored_sealed(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = create(client_api, description=" CI ", event_types=["dataset.ready"])

    assert made["secret"].startswith("whsec_")
    (listed,) = client_api.get(WEBHOOKS).json()["data"]
    read = client_api.get(f"{WEBHOOKS}/{made['id']}").json()
    assert "secret" not in listed
    assert read == listed == {key: value for key, value in made.items() if key != "secret"}
    assert (listed["description"], listed["event_types"]) == ("CI", ["dataset.ready"])
    row = only_webhook(organization)
    assert secret_open(row.secret) == made["secret"]
    assert made["secret"].removeprefix("whsec_") not in str(vars(row))


def test_others_see_nothing_of_it(client_api: APIClient, other_client_api: APIClient) -> None:
    create(client_api)
    assert other_client_api.get(WEBHOOKS).json()["data"] == []


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.OWNER, (), 200),
        (Role.ADMIN, (KeyScope.ADMIN,), 200),
        (Role.ADMIN, (KeyScope.TRAIN, KeyScope.BILLING_READ), 403),
        (Role.DEVELOPER, (KeyScope.ADMIN,), 403),
        (Role.BILLING, (), 403),
        (Role.VIEWER, (), 403),
    ],
)
def test_webhooks_are_for_administrators(
    organization: OrganizationRef, role: Role, scopes: tuple[KeyScope, ...], status: int
) -> None:
    client = make_client(organization, role, *scopes)
    assert client.get(WEBHOOKS).status_code == status
    assert client.post(WEBHOOKS, {"url": URL}, format="json").status_code in (201, status)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "invalid_request", "url"),
        ({"url": "https://127.0.0.1/"}, "webhook_url_invalid", "url"),
        ({"url": "http://example.com/"}, "webhook_url_invalid", "url"),
        ({"url": "https://a/" + "x" * 2000}, "invalid_request", "url"),
        ({"url": URL, "event_types": ["x"]}, "event_type_unknown", "event_types"),
        ({"url": URL, "event_types": "x"}, "invalid_request", "event_types"),
        ({"url": URL, "description": "x" * 201}, "invalid_request", "description"),
        ({"url": URL, "enabled": "maybe"}, "invalid_request", "enabled"),
    ],
)
def test_a_wrong_body_names_its_field(
    client_api: APIClient, body: dict, code: str, param: str
) -> None:
    answer = client_api.post(WEBHOOKS, body, format="json")
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == (code, param)
    assert client_api.get(WEBHOOKS).json()["data"] == []


def test_the_eleventh_is_refused_until_one_goes(
    client_api: APIClient, other_client_api: APIClient
) -> None:
    made = [create(client_api) for _ in range(10)]

    refused = client_api.post(WEBHOOKS, {"url": URL}, format="json")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "too_many_webhooks")
    create(other_client_api)
    client_api.delete(f"{WEBHOOKS}/{made[0]['id']}")
    create(client_api)


def test_a_webhook_is_changed_switched_off_and_on(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = create(client_api)
    address = f"{WEBHOOKS}/{made['id']}"
    emit(organization)

    off = client_api.patch(address, {"enabled": False}, format="json").json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "manual")
    assert [(row.state, row.error) for row in deliveries(organization)] == [
        ("failed", "webhook_disabled")
    ]
    emit(organization)
    assert len(deliveries(organization)) == 1
    for call in ("test", f"deliveries/{_first(client_api, address)}/resend"):
        refused = client_api.post(f"{address}/{call}")
        assert (refused.status_code, error_of(refused)["code"]) == (409, "webhook_disabled")

    with tenant_scope(organization):
        Webhook.objects.update(failing_since=clock.now())
    changed = client_api.patch(
        address,
        {"enabled": True, "url": "https://example.org/", "event_types": [], "description": "x"},
        format="json",
    ).json()
    assert (changed["enabled"], changed["disabled_reason"], changed["disabled_at"]) == (
        True,
        None,
        None,
    )
    assert (changed["url"], changed["failing_since"]) == ("https://example.org/", None)
    client_api.patch(address, {"enabled": True}, format="json")

    assert audit(organization) == [
        ("webhook.create", {"host": "example.com", "event_types": []}),
        ("webhook.change", {"host": "example.com", "enabled": False}),
        (
            "webhook.change",
            {"host": "example.org", "url": True, "description": "x", "enabled": True},
        ),
    ]


def _first(client: APIClient, address: str) -> str:
    return str(client.get(f"{address}/deliveries").json()["data"][0]["id"])


def test_a_wrong_change_changes_nothing(client_api: APIClient) -> None:
    made = create(client_api)
    address = f"{WEBHOOKS}/{made['id']}"
    for body in ({"url": "https://10.0.0.1/"}, {"event_types": ["x"]}, {"url": None}):
        refused = client_api.patch(address, {"description": "y"} | body, format="json")
        assert refused.status_code == 400
    assert client_api.get(address).json()["description"] == ""


def test_a_new_secret_leaves_the_old_one_a_day(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = create(client_api)

    rotated = client_api.post(f"{WEBHOOKS}/{made['id']}/rotate").json()

    assert rotated["secret"] != made["secret"]
    row = only_webhook(organization)
    assert secret_open(row.secret) == rotated["secret"]
    assert secret_open(row.old_secret) == made["secret"]
    assert row.old_secret_until is not None
    assert abs(row.old_secret_until - clock.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert [action for action, _ in audit(organization)] == ["webhook.create", "webhook.rotate"]
    assert made["secret"] not in str(audit(organization))


def test_a_webhook_goes_with_its_deliveries(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = create(client_api)
    kept = create(client_api)
    emit(organization)

    gone = client_api.delete(f"{WEBHOOKS}/{made['id']}")

    assert gone.json() == {"id": made["id"], "object": "webhook", "deleted": True}
    assert client_api.get(f"{WEBHOOKS}/{made['id']}").status_code == 404
    assert [row.webhook_id for row in deliveries(organization)] == [parse_id("wh_", kept["id"])]


def test_the_types_are_listed_with_a_sentence_each(client_api: APIClient) -> None:
    listed = client_api.get(f"{WEBHOOKS}/event_types").json()["data"]
    assert {one["id"] for one in listed} == {
        "auto_top_up.paused",
        "batch.cancelled",
        "batch.completed",
        "batch.expired",
        "batch.failed",
        "credit_note.issued",
        "dataset.failed",
        "dataset.ready",
        "deployment.promoted",
        "deployment.rolled_back",
        "fine_tuning.job.cancelled",
        "fine_tuning.job.failed",
        "fine_tuning.job.succeeded",
        "invoice.finalized",
        "invoice.paid",
        "outcome.confirmed",
        "outcome.disputed",
        "outcome.reversed",
        "outcome.upheld",
        "plan.changed",
        "usage.threshold_reached",
        "webhook.test",
    }
    assert all(one["description"].endswith(".") for one in listed)


def statements(client: APIClient, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len([query for query in queries if "SAVEPOINT" not in query["sql"]])


def test_lists_ask_the_database_as_often_for_many_rows_as_for_one(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = make_webhook(organization, URL)
    emit(organization)
    for _ in range(4):
        make_webhook(organization, URL)
        emit(organization)

    # key, scope in, the page, scope out
    assert statements(client_api, WEBHOOKS) == 4
    # and the webhook itself
    assert statements(client_api, f"{WEBHOOKS}/{made.webhook.public_id}/deliveries") == 5
    assert statements(client_api, f"{WEBHOOKS}/event_types") == 3


def test_deliveries_are_paged_and_filtered_by_state(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    address = f"{WEBHOOKS}/{create(client_api)['id']}/deliveries"
    for _ in range(3):
        emit(organization)
    with tenant_scope(organization):
        first = Delivery.objects.order_by("id")[0]
        Delivery.objects.filter(id=first.id).update(state="failed", error="timeout")

    page = client_api.get(address, {"limit": 2}).json()
    rest = client_api.get(address, {"limit": 2, "after": page["last_id"]}).json()
    assert (len(page["data"]), page["has_more"]) == (2, True)
    assert (len(rest["data"]), rest["has_more"]) == (1, False)
    (failed,) = client_api.get(address, {"state": "failed"}).json()["data"]
    assert (failed["id"], failed["error"], failed["next_attempt_at"]) == (
        rest["data"][0]["id"],
        "timeout",
        None,
    )
    assert len(client_api.get(address, {"state": "waiting"}).json()["data"]) == 2
    wrong = client_api.get(address, {"state": "x"})
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "state")


def test_a_delivery_of_another_webhook_is_not_found(
    client_api: APIClient, other_client_api: APIClient, organization: OrganizationRef
) -> None:
    first, second = create(client_api), create(client_api, event_types=["webhook.test"])
    theirs = create(other_client_api)
    emit(organization)
    delivery = _first(client_api, f"{WEBHOOKS}/{first['id']}")

    for client, webhook in ((client_api, second), (other_client_api, theirs)):
        answer = client.post(f"{WEBHOOKS}/{webhook['id']}/deliveries/{delivery}/resend")
        assert answer.status_code == 404
    assert audit(organization)[-1][0] == "webhook.create"


def test_a_test_event_reaches_a_webhook_of_any_filter(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = create(client_api, event_types=["dataset.failed"])
    other = create(client_api)

    sent = client_api.post(f"{WEBHOOKS}/{made['id']}/test")

    assert sent.status_code == 202
    assert (sent.json()["event_type"], sent.json()["state"]) == ("webhook.test", "waiting")
    (row,) = deliveries(organization)
    assert row.webhook_id != parse_id("wh_", other["id"])
    assert audit(organization)[-1][0] == "webhook.test"


def test_a_silent_address_gets_no_more_than_ten_test_events(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    address = f"{WEBHOOKS}/{create(client_api)['id']}/test"
    assert {client_api.post(address).status_code for _ in range(10)} == {202}

    refused = client_api.post(address)

    assert (refused.status_code, error_of(refused)["code"]) == (429, "rate_limited")
    assert len(deliveries(organization)) == 10


def test_replay_takes_what_failed_since_and_nothing_else(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = create(client_api)
    other = create(client_api)
    for _ in range(3):
        emit(organization)
    long_ago = clock.now() - timedelta(days=2)
    with tenant_scope(organization):
        Delivery.objects.update(state="failed", tries=11)
        oldest = WebhookEvent.objects.order_by("id")[0]
        WebhookEvent.objects.filter(id=oldest.id).update(created_at=long_ago)
        newest = Delivery.objects.filter(webhook_id=parse_id("wh_", made["id"])).order_by("-id")[0]
        Delivery.objects.filter(id=newest.id).update(state="delivered")

    since = (clock.now() - timedelta(days=1)).isoformat()
    answer = client_api.post(f"{WEBHOOKS}/{made['id']}/replay", {"since": since}, format="json")

    assert (answer.status_code, answer.json()) == (
        202,
        {"object": "webhook.replay", "deliveries": 1},
    )
    states = [(row.webhook_id, row.state, row.tries) for row in deliveries(organization)]
    mine, theirs = parse_id("wh_", made["id"]), parse_id("wh_", other["id"])
    assert sorted(state for key, state, _ in states if key == mine) == [
        "delivered",
        "failed",
        "waiting",
    ]
    assert {state for key, state, _ in states if key == theirs} == {"failed"}
    assert {tries for _, state, tries in states if state == "waiting"} == {0}
    wrong = client_api.post(f"{WEBHOOKS}/{made['id']}/replay", {"since": "soon"}, format="json")
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "since")
