"""What a batch holds, charges and gives back, and what its estimate says before."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, current_scope, tenant_scope
from billing.ledger import functions
from billing.ledger.models import Grant, Hold
from billing.ledger.services import balance_grant
from mlworker.batches import estimating
from tests.unit.batches.factories import (
    BAD,
    GOOD,
    MODEL,
    Engine,
    batch,
    jsonl,
    made,
    predictions,
    request_line,
    row_of,
    upload,
    work_all,
)
from tests.unit.factories import error_of

pytestmark = pytest.mark.django_db

LINES = [request_line(number, GOOD if number % 2 else BAD) for number in range(10)]
BATCH_PRICE, ONLINE_PRICE = Decimal("0.00005"), Decimal("0.0001")


def in_money(organization: OrganizationRef, amount: int = 100) -> None:
    """No predictions left, and money."""
    with tenant_scope(organization):
        for grant in Grant.objects.filter(unit="prediction"):
            functions.grant_void(organization_id=organization.id, grant_id=grant.id)
        if amount:
            balance_grant(
                organization=organization, actor=SYSTEM_ACTOR, unit="USD", amount=amount,
                kind="purchased", source="paid",
            )  # fmt: skip


def estimate(client: APIClient, file_id: str, **more: str) -> dict[str, object]:
    body = {"input_file_id": file_id, "endpoint": "/v1/classify", **more}
    response = client.post("/v1/batches/estimate", body, format="json")
    assert response.status_code == 200, response.content
    found: dict[str, object] = response.json()
    return found


def test_money_pays_the_price_of_batches(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    in_money(organization)
    batch_id = made(client_api, jsonl(*LINES))
    work_all()
    hold_id = row_of(organization, batch_id).hold_id
    with tenant_scope(organization):
        hold = Hold.objects.get(id=hold_id)
        assert (hold.captured, hold.charged) == (10, 10 * BATCH_PRICE)
    assert batch(client_api, batch_id)["status"] == "completed"


def test_an_estimate_says_the_price_and_changes_nothing(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    in_money(organization)
    file_id = upload(client_api, jsonl(*LINES, b"{", request_line(11, [GOOD, BAD])))
    found = estimate(client_api, file_id)
    assert (found["requests"], found["items"], found["bad"]) == (12, 12, 1)
    assert (found["exact"], found["allowed"], found["model"]) == (True, True, MODEL)
    assert Decimal(str(found["price"])) == 12 * BATCH_PRICE
    assert Decimal(str(found["online_price"])) == 12 * ONLINE_PRICE
    with tenant_scope(organization):
        assert not Hold.objects.exists()


def test_an_estimate_of_a_table_names_its_columns(client_api: APIClient) -> None:
    file_id = upload(client_api, b"id,review\n1,fine\n2,\n", "a.csv")
    found = estimate(client_api, file_id, model=MODEL)
    assert (found["columns"], found["text_column"]) == (["id", "review"], "review")
    assert (found["requests"], found["items"], found["bad"]) == (2, 1, 1)
    assert Decimal(str(found["price"])) == 0  # the trial's grant pays


def test_no_scope_is_open_while_a_file_is_read(
    client_api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, seen = estimating.object_open, list[object]()

    def watched(key: str) -> object:
        seen.append(current_scope())
        return opened(key)

    monkeypatch.setattr(estimating, "object_open", watched)
    assert estimate(client_api, upload(client_api, jsonl(*LINES)))["requests"] == 10
    assert seen == [None]


def test_a_long_file_is_judged_by_its_beginning(
    client_api: APIClient, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    monkeypatch.setattr("mlworker.batches.estimating.SAMPLE_REQUESTS", 2_000)
    monkeypatch.setattr(settings, "DATASET_LIMITS", {"quick_bytes": 10}, raising=False)
    rows = b"text\n" + b"a fine film\n" * 5_000
    found = estimate(client_api, upload(client_api, rows, "a.csv"), model=MODEL)
    assert found["exact"] is False
    assert abs(int(str(found["items"])) - 5_000) < 2_000


def test_what_the_balance_lacks_fails_the_batch_and_holds_nothing(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    in_money(organization, 0)
    file_id = upload(client_api, jsonl(*LINES))
    found = estimate(client_api, file_id)
    assert (found["allowed"], found["reason"]) == (False, "quota_exhausted")
    assert Decimal(str(found["price"])) == 10 * BATCH_PRICE

    batch_id = made(client_api, jsonl(*LINES))
    work_all()

    done = batch(client_api, batch_id)
    assert done["status"] == "failed"
    assert done["errors"]["data"][0]["code"] == "quota_exhausted"
    assert predictions(organization).held == 0


def test_a_bad_estimate_says_what_is_wrong(client_api: APIClient) -> None:
    body = {"input_file_id": upload(client_api, b"\n", "a.jsonl"), "endpoint": "/v1/classify"}
    refused = client_api.post("/v1/batches/estimate", body, format="json")
    assert (refused.status_code, error_of(refused)["code"]) == (400, "batch_file_empty")
