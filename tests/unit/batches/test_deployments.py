"""A deployment's batch answers as its calls do: its names, its threshold, its rules."""

import csv
import io
import json
from unittest.mock import ANY

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from tests.unit.batches.factories import (
    BAD,
    GOOD,
    MODEL,
    Engine,
    batch,
    content,
    jsonl,
    lines_of,
    made,
    predictions,
    request_line,
    work_all,
)

pytestmark = pytest.mark.django_db

OUTPUT = {
    "labels": {"positive": "good"},
    "abstain_label": "unsure",
    "top_k": 1,
    "fields": {"label": "mood", "rule": "why"},
}
RULES = [
    {"name": "money", "pattern": "refund*", "label": "billing"},
    {
        "name": "irony",
        "pattern": "wonderful",
        "label": "irony",
        "when": "after",
        "if_label": "good",
    },
]


@pytest.fixture
def shaped(client_api: APIClient) -> str:
    body = {"name": "shaped", "model": MODEL}
    deployment = client_api.post("/v1/deployments", body, format="json").json()["id"]
    for what, given in (("output", OUTPUT), ("rules", {"rules": RULES})):
        address = f"/v1/deployments/{deployment}/{what}"
        assert client_api.put(address, given, format="json").status_code == 200
    return "shaped"


def test_requests_are_answered_as_calls_are(
    client_api: APIClient, engine: Engine, shaped: str
) -> None:
    data = jsonl(
        request_line(1, [GOOD, BAD], model=shaped),
        request_line(2, "Refunds, now!", model=shaped),
        request_line(3, BAD, model=shaped, threshold=1.0, top_k=2),
    )
    batch_id = made(client_api, data)

    work_all()

    lines = lines_of(client_api, batch(client_api, batch_id)["output_file_id"])
    one, two, three = [line["response"]["body"]["data"] for line in lines]
    assert one[0] == {"index": 0, "mood": "irony", "score": 1.0, "why": "irony", "scores": ANY}
    assert list(one[0]["scores"]) == ["good"]
    assert (one[1]["mood"], list(one[1]["scores"])) == ("negative", ["negative"])
    decided = {"mood": "billing", "score": 1.0, "why": "money", "scores": {"billing": 1.0}}
    assert two == [{"index": 0, **decided}]
    assert (three[0]["mood"], len(three[0]["scores"])) == ("unsure", 2)


def test_a_table_gets_the_names_and_a_column_of_rules_under_its_own_columns_names(
    client_api: APIClient, organization: OrganizationRef, engine: Engine, shaped: str
) -> None:
    """Its columns are looked for by programs of its own, as those of a pipeline's answers are."""
    data = f'rule,text\n1,"{BAD}"\n2,Refund!\n3,\n4,"{GOOD}"\n'.encode()
    batch_id = made(client_api, data, "a.csv", model=shaped)

    work_all()

    text = content(client_api, batch(client_api, batch_id)["output_file_id"]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["rule", "text", "label", "score", "scores", "predicted_rule"]
    assert [row["label"] for row in rows] == ["negative", "billing", "", "irony"]
    assert [row["predicted_rule"] for row in rows] == ["", "money", "", "irony"]
    assert [row["rule"] for row in rows] == ["1", "2", "3", "4"]
    assert list(json.loads(rows[3]["scores"])) == ["good"]
    assert predictions(organization).consumed == 3


def test_a_parquet_has_its_rules_as_text(
    client_api: APIClient, engine: Engine, shaped: str
) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [BAD, "Refund!"]}), out)
    batch_id = made(client_api, out.getvalue(), "a.parquet", model=shaped)

    work_all()

    done = batch(client_api, batch_id)
    found = pq.read_table(io.BytesIO(content(client_api, done["output_file_id"])))
    assert found.schema.names == ["text", "label", "score", "scores", "rule"]
    assert found.column("rule").to_pylist() == [None, "money"]
