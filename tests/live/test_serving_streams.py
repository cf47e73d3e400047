"""Streamed answers, ids, headers and vectors of a running installation."""

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from openai import OpenAI
from prometheus_client.parser import text_string_to_metric_families

from anneal.local.processes import wait_until
from mlworker.engine.precision import NEIGHBOURS
from mlworker.serving.openapi import SCHEMAS
from tests.live.machine import Installation
from tests.live.serving import BAD, GOOD, MODEL, Customer, error_code, serving

TEXTS = [f"{GOOD if number % 3 else BAD} ({number})" for number in range(150)]
LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Iterator[Customer]:
    with serving(installation) as made:
        yield made


def streamed(customer: Customer, path: str = "/v1/classify", **more: Any) -> list[Any]:
    """The lines of a streamed call."""
    headers = {**LINES, **more.pop("headers", {})}
    body = {"model": MODEL, "input": TEXTS, **more}
    with customer.http.stream("POST", path, json=body, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in answer.iter_lines()]


def valid(name: str, body: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(schema).validate(body)


def test_lines_are_the_plain_answers_rows_and_each_is_charged_once(customer: Customer) -> None:
    plain = customer.classify(TEXTS).json()
    before = customer.balance()["consumed"]

    *rows, last = streamed(customer)

    assert [row["index"] for row in rows] == list(range(len(TEXTS)))
    assert [row["label"] for row in rows] == [row["label"] for row in plain["data"]]
    for row, other in zip(rows, plain["data"], strict=True):
        assert row["score"] == pytest.approx(other["score"], abs=NEIGHBOURS)
    valid("StreamEnd", last)
    valid("PredictResponse", {**plain, "data": rows})
    assert last["usage"] == plain["usage"]
    assert last["metering"]["units"] == len(TEXTS)
    assert customer.balance()["consumed"] == before + len(TEXTS)
    feedback = {"prediction": rows[-1]["id"], "label": "positive"}
    assert customer.http.post("/v1/feedback", json=feedback).status_code == 200


def test_stream_true_answers_with_events(customer: Customer) -> None:
    body = {"model": MODEL, "input": TEXTS[:3], "stream": True}

    answer = customer.http.post("/v1/classify", json=body)

    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [each.removeprefix("data: ") for each in answer.text.split("\n\n") if each]
    assert events[-1] == "[DONE]"
    assert [json.loads(each)["index"] for each in events[:3]] == [0, 1, 2]
    assert json.loads(events[3])["usage"]["predictions"] == 3


def test_a_repeated_stream_with_a_key_is_replayed_uncharged(customer: Customer) -> None:
    headers = {"Idempotency-Key": "stream-once"}
    first = streamed(customer, headers=headers)
    charged = customer.balance()["consumed"]

    again = streamed(customer, headers=headers)
    plain = customer.classify(TEXTS, headers=headers)

    assert again[:-1] == first[:-1]
    assert (again[-1]["metering"]["units"], again[-1]["usage"]) == (0, first[-1]["usage"])
    assert customer.balance()["consumed"] == charged
    assert (plain.status_code, error_code(plain)) == (409, "idempotency_mismatch")


def test_a_client_that_leaves_pays_for_what_was_answered_and_resumes_with_its_key(
    customer: Customer,
) -> None:
    """What was charged when it left is replayed; in the end every text is charged once."""
    before = customer.balance()["consumed"]
    texts = [f"{text} {GOOD}" for text in TEXTS * 6][:900]
    headers = {**LINES, "Idempotency-Key": "stream-left"}
    body = {"model": MODEL, "input": texts}
    with customer.http.stream("POST", "/v1/classify", json=body, headers=headers) as answer:
        assert json.loads(next(answer.iter_lines()))["index"] == 0
    assert customer.nothing_held()
    left = customer.balance()["consumed"] - before

    *rows, last = streamed(customer, input=texts, headers={"Idempotency-Key": "stream-left"})

    assert 0 < left < len(texts)
    assert [row["index"] for row in rows] == list(range(len(texts)))
    assert last["metering"]["units"] == len(texts) - left
    assert customer.balance()["consumed"] == before + len(texts)


def test_a_resumed_stream_keeps_the_names_and_rules_it_began_with(customer: Customer) -> None:
    made = customer.http.post("/v1/deployments", json={"name": "kept", "model": MODEL}).json()
    address = f"/v1/deployments/{made['id']}"
    before = {"labels": {"positive": "good", "negative": "bad"}}
    customer.http.put(f"{address}/output", json=before).raise_for_status()
    texts = [f"{text} (kept)" for text in TEXTS * 6]
    headers = {**LINES, "Idempotency-Key": "stream-kept"}
    body = {"model": "kept", "input": texts}
    with customer.http.stream("POST", "/v1/classify", json=body, headers=headers) as answer:
        assert json.loads(next(answer.iter_lines()))["label"] in ("good", "bad")
    assert customer.nothing_held()

    customer.http.put(f"{address}/output", json={}).raise_for_status()
    rule = {"name": "all", "pattern": "kept", "label": "positive"}
    customer.http.put(f"{address}/rules", json={"rules": [rule]}).raise_for_status()
    *resumed, last = streamed(customer, **body, headers={"Idempotency-Key": "stream-kept"})
    *fresh, _ = streamed(customer, **body, headers={"Idempotency-Key": "stream-fresh"})
    customer.http.delete(address).raise_for_status()

    assert [row["index"] for row in resumed] == list(range(len(texts)))
    assert 0 < last["metering"]["units"] < len(texts)
    assert {row["label"] for row in resumed} == {"good", "bad"}
    assert not any("rule" in row for row in resumed)
    assert {row["rule"] for row in fresh} == {"all"}


def test_a_balance_that_ends_mid_way_ends_the_stream_with_a_line(
    installation: Installation,
) -> None:
    poor = Customer(installation, credit=100)
    with poor.http:
        *rows, last = streamed(poor)
        refused = poor.http.post(
            "/v1/classify", json={"model": MODEL, "input": TEXTS[:50]}, headers=LINES
        )
        assert poor.nothing_held()
        balance = poor.balance()

    assert [row["index"] for row in rows] == list(range(64))
    assert last["error"]["code"] == "quota_exhausted"
    assert last["metering"]["units"] == 64
    assert (refused.status_code, error_code(refused)) == (402, "quota_exhausted")
    assert balance == {"granted": 100, "held": 0, "consumed": 64, "available": 36}


def test_vectors_stream_too(customer: Customer) -> None:
    body = {"model": "minilm-l6", "input": TEXTS[:70]}
    plain = customer.http.post("/v1/embeddings", json=body).json()

    *rows, last = streamed(customer, "/v1/embeddings", **body)

    assert [row["index"] for row in rows] == list(range(70))
    assert rows[69]["embedding"] == pytest.approx(plain["data"][69]["embedding"], abs=1e-5)
    assert last["usage"] == plain["usage"]


def test_vectors_have_openais_shape_in_both_encodings(customer: Customer) -> None:
    with OpenAI(base_url=f"{customer.installation.url}/v1", api_key=customer.key) as client:
        packed = client.embeddings.create(model="minilm-l6", input=GOOD, dimensions=384)
        plain = client.embeddings.create(model="minilm-l6", input=GOOD, encoding_format="float")
    raw = customer.http.post(
        "/v1/embeddings", json={"model": "minilm-l6", "input": GOOD, "encoding_format": "base64"}
    )

    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    [row] = raw.json()["data"]
    numbers = struct.unpack("<384f", base64.b64decode(row["embedding"]))
    assert numbers == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert raw.headers["x-units"] == "1"
    assert float(raw.headers["x-inference-ms"]) > 0
    assert plain.usage.prompt_tokens == plain.usage.total_tokens > 5


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"dimensions": 128}, "dimensions"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"input": [[1, 2, 3]]}, "input"),
        ({"input": [1, 2, 3]}, "input"),
        ({"input": []}, "input"),
    ],
)
def test_what_no_vector_can_be_is_refused(
    customer: Customer, more: dict[str, Any], param: str
) -> None:
    body = {"model": "minilm-l6", "input": GOOD, **more}

    refused = customer.http.post("/v1/embeddings", json=body)

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_a_key_repeats_vectors_uncharged(customer: Customer) -> None:
    headers = {"Idempotency-Key": "vector-once"}
    body = {"model": "minilm-l6", "input": GOOD}
    first = customer.http.post("/v1/embeddings", json=body, headers=headers)
    charged = customer.balance()["consumed"]

    again = customer.http.post("/v1/embeddings", json=body, headers=headers)
    many = customer.http.post(
        "/v1/embeddings", json={**body, "input": [GOOD] * 101}, headers=headers
    )

    assert (again.content, again.headers["x-units"]) == (first.content, "0")
    assert customer.balance()["consumed"] == charged
    assert (many.status_code, many.json()["error"]["param"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/classify", {"model": MODEL, "input": [GOOD, BAD]}),
        ("/v1/embeddings", {"model": "minilm-l6", "input": [GOOD, BAD]}),
        (f"/hf/models/{MODEL}", {"inputs": [GOOD, BAD]}),
    ],
)
def test_every_answer_says_its_id_its_price_and_its_times(
    customer: Customer, path: str, body: dict[str, Any]
) -> None:
    own = customer.http.post(path, json=body, headers={"x-request-id": "job-7/42"})
    odd = customer.http.post(path, json=body, headers={"x-request-id": "a b"})
    refused = customer.http.post(path, json={}, headers={"x-request-id": "job-8"})

    assert own.headers["x-request-id"] == "job-7/42"
    assert own.headers["x-units"] == "2"
    assert float(own.headers["x-queue-ms"]) >= 0
    assert float(own.headers["x-inference-ms"]) > 0
    assert odd.headers["x-request-id"].startswith("req_")
    assert (refused.status_code, refused.headers["x-request-id"]) == (400, "job-8")


def figures(customer: Customer) -> dict[str, float]:
    answer = httpx.get(f"{customer.installation.url}/metrics", trust_env=False, timeout=30)
    found = {}
    for family in text_string_to_metric_families(answer.raise_for_status().text):
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}({labels})"] = sample.value
    return found


def test_calls_are_told_by_gateway_and_engine(customer: Customer) -> None:
    """The engine has no port: its figures come within some seconds, through Redis."""
    before = figures(customer)
    customer.classify(TEXTS)
    customer.classify("", headers={"x-request-id": "refused"})
    customer.http.get("/v1/models")

    def more(name: str) -> float:
        return figures(customer).get(name, 0.0) - before.get(name, 0.0)

    assert more("anneal_texts_total(classify)") >= len(TEXTS)
    assert more("anneal_requests_total(classify,400)") >= 1
    assert more("anneal_refusals_total(classify,invalid_request)") >= 1
    for stage in ("parse", "hold", "queue", "inference", "settle", "total"):
        assert more(f"anneal_request_stage_seconds_count(classify,{stage})") >= 1
    assert more("anneal_http_requests_total(GET,v1/models,200)") >= 1
    assert wait_until(
        lambda: more("anneal_engine_rows_total(minilm-l6,online)") >= len(TEXTS),
        seconds=30,
        pause=1,
    )
    told = figures(customer)
    assert told["anneal_engines(minilm-l6)"] >= 1
    assert told["anneal_up(database)"] == told["anneal_up(redis)"] == 1
    assert told["anneal_processes(web)"] == told["anneal_processes(worker-serve)"] == 1
    assert told["anneal_engine_tokens_total(minilm-l6)"] > len(TEXTS)
    assert told["anneal_adapter_slots(minilm-l6,used)"] >= 1
