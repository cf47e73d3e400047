"""The prediction log over the API: settings, rows, filters, files, forgetting."""

import csv
import io
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import parse_id, public_id, uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.predictions import exporting
from mlworker.predictions.rows import row_of
from mlworker.serving.contracts import LogInfo
from tests.unit.factories import error_of, make_client
from tests.unit.predictions.helpers import keep, make_deployment, row

pytestmark = pytest.mark.django_db

ON = LogInfo(enabled=True)
OFF = {
    "enabled": False,
    "percent": 100,
    "days": 30,
    "texts": True,
    "redact": ["email", "phone", "card", "number"],
    "words": [],
}


@pytest.fixture
def deployment(organization: OrganizationRef) -> str:
    return make_deployment(organization)


def put(client: APIClient, deployment: str, **body: Any) -> Any:
    return client.put(f"/v1/deployments/{deployment}/prediction_log", body, format="json")


def texts(client: APIClient, deployment: str, **query: Any) -> list[str]:
    answer = client.get(f"/v1/deployments/{deployment}/predictions", query)
    assert answer.status_code == 200, answer.content
    return [each["text"] for each in answer.json()["data"]]


def audited(organization: OrganizationRef) -> list[str]:
    with tenant_scope(organization):
        rows = AuditEvent.objects.order_by("-id").values_list("action", flat=True)
        return list(rows[:3])


def test_it_is_off_until_somebody_turns_it_on(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = client_api.post(
        "/v1/deployments", {"name": "quiet", "model": "sentiment-en"}, format="json"
    ).json()

    state = client_api.get(f"/v1/deployments/{made['id']}/prediction_log").json()

    assert state == {**OFF, "rows": 0, "days_counted": []}
    assert keep(organization, made["id"], [row()]) == 0
    assert texts(client_api, made["id"]) == []


def test_settings_are_kept_and_audited(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    wanted = {
        "enabled": True,
        "percent": 20,
        "days": 7,
        "texts": False,
        "redact": ["email"],
        "words": ["Jane Doe", "KD-####"],
    }

    changed = put(client_api, deployment, **wanted)

    assert changed.json() == {**wanted, "rows": 0, "days_counted": []}
    assert audited(organization)[0] == "deployment.log"
    again = client_api.get(f"/v1/deployments/{deployment}/prediction_log").json()
    assert again == changed.json()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"enabled": True, "days": 366}, "invalid_request", "days"),
        ({"enabled": True, "days": 0}, "invalid_request", "days"),
        ({"enabled": True, "percent": 0}, "invalid_request", "percent"),
        ({"enabled": True, "redact": ["names"]}, "invalid_request", "redact.0"),
        ({"enabled": True, "words": ["ok", "!*"]}, "log_unfit", "words[1]"),
        ({"enabled": True, "words": ["x"] * 51}, "invalid_request", "words"),
        ({}, "invalid_request", "enabled"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    body: dict[str, Any], code: str, param: str, client_api: APIClient, deployment: str
) -> None:
    refused = put(client_api, deployment, **body)

    error = error_of(refused)
    assert (refused.status_code, error["code"], error["param"]) == (400, code, param)


def test_rows_are_listed_filtered_and_counted(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    rows = [
        row("sure", score=0.99),
        row("unsure", score=0.51),
        row("bad", "negative", 0.8),
        row("other", model="ft:minilm-l6:acme:x:1"),
    ]
    assert keep(organization, deployment, rows, dropped=3) == 4

    now = int(clock.now().timestamp())
    assert texts(client_api, deployment) == ["other", "bad", "unsure", "sure"]
    assert texts(client_api, deployment, label="negative") == ["bad"]
    assert texts(client_api, deployment, score_below="0.85") == ["bad", "unsure"]
    assert texts(client_api, deployment, model="ft:minilm-l6:acme:x:1") == ["other"]
    assert texts(client_api, deployment, **{"from": now + 60}) == []
    assert len(texts(client_api, deployment, **{"to": now + 60, "from": now - 60})) == 4
    first = client_api.get(f"/v1/deployments/{deployment}/predictions", {"limit": 3}).json()
    assert first["has_more"]
    assert texts(client_api, deployment, after=first["last_id"]) == ["sure"]
    [day] = client_api.get(f"/v1/deployments/{deployment}/prediction_log").json()["days_counted"]
    assert (day["answered"], day["kept"], day["dropped"]) == (7, 4, 3)


@pytest.mark.parametrize(
    "query", [{"score_below": "low"}, {"score_below": "nan"}, {"label": "\0"}, {"model": "\0"}]
)
def test_a_filter_that_cannot_be_is_refused(
    query: dict[str, str], client_api: APIClient, deployment: str
) -> None:
    refused = client_api.get(f"/v1/deployments/{deployment}/predictions", query)

    assert (refused.status_code, error_of(refused)["code"]) == (400, "log_filter_invalid")


def test_a_row_is_read_and_forgotten(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    made = row("call +49 30 1234567")
    keep(organization, deployment, [made])
    address = f"/v1/predictions/{public_id('pred_', made.id)}"

    seen = client_api.get(address).json()
    gone = client_api.delete(address)

    assert (seen["text"], seen["hidden"], seen["labels"]) == ("call [phone]", 1, ["positive"])
    assert seen["answer"] == {"label": "positive", "score": 0.9, "scores": {"positive": 0.9}}
    assert (gone.status_code, gone.json()["deleted"]) == (200, True)
    assert client_api.get(address).status_code == 404
    assert audited(organization)[0] == "prediction.delete"


def test_turned_off_nothing_is_added_and_what_is_there_stays(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    keep(organization, deployment, [row("before")])
    put(client_api, deployment, enabled=False)
    assert keep(organization, deployment, [row("after")]) == 0
    assert texts(client_api, deployment) == ["before"]

    put(client_api, deployment, enabled=True, texts=False)
    keep(organization, deployment, [row("a gateway that has not heard yet")])
    assert texts(client_api, deployment) == [None, "before"]


def test_a_text_that_was_hidden_by_less_than_is_asked_for_is_not_written(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    put(client_api, deployment, enabled=True, redact=["email", "phone"], words=["Jane"])
    enough = LogInfo(enabled=True, words=("Jane", "Doe"))
    fewer_kinds = LogInfo(enabled=True, redact=("email",), words=("Jane",))
    entity = {"label": "person", "score": 0.5, "start": 0, "end": 4, "text": "Jane"}
    late = row_of(
        ON,
        prediction_id=uuid7(),
        created_at=clock.now(),
        model="m",
        text="Jane, a@b.de",
        found={"entities": [entity]},
    )

    rows = [row("Jane Doe", log=enough), row("Jane +49 30 1234567", log=fewer_kinds), late]
    keep(organization, deployment, rows)

    assert texts(client_api, deployment) == [None, "[hidden] [hidden]", None]
    seen = client_api.get(f"/v1/predictions/{public_id('pred_', late.id)}").json()
    assert seen["answer"] == {"entities": [{"label": "person", "score": 0.5}]}
    assert (seen["hidden"], seen["labels"]) == (0, ["person"])


def test_a_batch_written_twice_is_there_once(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    rows = [row("once")]

    assert [keep(organization, deployment, rows) for _ in range(2)] == [1, 1]
    assert texts(client_api, deployment) == ["once"]


def test_files_hold_the_chosen_rows_and_say_where_the_next_begins(
    client_api: APIClient,
    organization: OrganizationRef,
    deployment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [row("=1+1", "negative"), row("b", "negative"), row("c"), row("d", "negative")]
    keep(organization, deployment, rows)
    monkeypatch.setattr(exporting, "FILE_ROWS", 2)
    monkeypatch.setattr(exporting, "_PAGE", 1)
    address = f"/v1/deployments/{deployment}/predictions"

    first = client_api.get(f"{address}.jsonl", {"label": "negative"})
    rest = client_api.get(f"{address}.csv", {"label": "negative", "after": first["x-more-after"]})

    lines = [json.loads(line) for line in first.content.decode().splitlines()]
    assert [(line["text"], line["labels"]) for line in lines] == [
        ("d", ["negative"]),
        ("b", ["negative"]),
    ]
    assert "attachment" in first["Content-Disposition"]
    [line] = csv.DictReader(io.StringIO(rest.content.decode().removeprefix("\ufeff")))
    assert (line["text"], line["labels"], line["score"]) == ("'=1+1", "negative", "0.9")
    assert "x-more-after" not in rest
    assert audited(organization)[:2] == ["prediction_log.export"] * 2


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_file_is_bounded_by_all_that_stands_in_it(
    client_api: APIClient,
    organization: OrganizationRef,
    deployment: str,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    """Where no text is kept, answers with many entities weigh all the same."""
    label = "l" * 900
    keep(organization, deployment, [row("a", label), row("b", label), row("c", label)])
    monkeypatch.setattr(exporting, "FILE_CHARACTERS", 2_000)

    file = client_api.get(f"/v1/deployments/{deployment}/predictions.{form}")

    assert file.content.decode().count("pred_") == 1
    assert "x-more-after" in file


def test_texts_are_for_those_who_label(organization: OrganizationRef, deployment: str) -> None:
    address = f"/v1/deployments/{deployment}"
    clients = {
        "viewer": make_client(organization, Role.VIEWER),
        "annotator": make_client(organization, Role.ANNOTATOR),
        "caller": make_client(organization, Role.DEVELOPER, KeyScope.PREDICT),
    }

    rows = {name: each.get(f"{address}/predictions").status_code for name, each in clients.items()}
    state = {each.get(f"{address}/prediction_log").status_code for each in clients.values()}
    changes = {put(each, deployment, enabled=True).status_code for each in clients.values()}

    assert rows == {"viewer": 403, "annotator": 200, "caller": 403}
    assert (state, changes) == ({200}, {403})


def test_another_organizations_rows_are_not_seen(
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    other_client_api: APIClient,
    deployment: str,
) -> None:
    made = row("ours")
    keep(organization, deployment, [made])
    theirs = make_deployment(other_organization)

    # a gateway that took one organization's deployment for another's
    assert keep(other_organization, deployment, [row("wrong")]) == 0
    assert other_client_api.get(f"/v1/predictions/{public_id('pred_', made.id)}").status_code == 404
    assert texts(other_client_api, theirs) == []


def test_lists_ask_the_same_few_questions_whatever_their_length(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    def asked(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client_api.get(address).status_code == 200
        return len(queries)

    addresses = [
        f"/v1/deployments/{deployment}/{name}" for name in ("predictions", "prediction_log")
    ]
    few = [asked(address) for address in addresses]
    keep(organization, deployment, [row() for _ in range(10)])
    many = [asked(address) for address in addresses]

    assert few == many == [9, 8]


def test_feedback_shows_the_text_to_those_who_may_see_it(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    from tests.unit.feedback.test_feedback import give, predict  # noqa: PLC0415 # its helpers

    prediction, unkept = predict(organization), predict(organization)
    keep(organization, deployment, [row("so good", prediction=parse_id("pred_", prediction))])

    given = give(client_api, prediction, label="positive").json()
    give(client_api, unkept, label="positive")

    assert given["text"] == "so good"
    listed = client_api.get("/v1/feedback").json()["data"]
    assert [each["text"] for each in listed] == [None, "so good"]
    viewer = make_client(organization, Role.VIEWER)
    assert [each["text"] for each in viewer.get("/v1/feedback").json()["data"]] == [None, None]


def test_an_unknown_id_is_not_found(client_api: APIClient) -> None:
    assert client_api.get(f"/v1/predictions/{public_id('pred_', uuid7())}").status_code == 404
    assert client_api.get("/v1/predictions/pred_nonsense").status_code == 404
