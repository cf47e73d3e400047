"""The online calls of a running installation, through real clients."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from huggingface_hub import InferenceClient
from openai import OpenAI

from anneal.local.processes import wait_until
from mlworker.serving.openapi import SCHEMAS
from tests.live.machine import Installation
from tests.live.serving import BAD, GOOD, MODEL, Customer, error_code, serving


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Iterator[Customer]:
    with serving(installation) as made:
        yield made


def valid(name: str, body: Any) -> None:
    """Check a real answer against the shape the OpenAPI file promises."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(schema).validate(body)


def test_sentiment_is_told_and_charged(customer: Customer) -> None:
    before = customer.balance()["consumed"]

    answer = customer.classify([GOOD, BAD])

    body = answer.json()
    valid("ClassifyResponse", body)
    assert [row["label"] for row in body["data"]] == ["positive", "negative"]
    assert body["usage"]["predictions"] == 2
    assert answer.headers["x-units"] == "2"
    assert answer.headers["x-request-id"].startswith("req_")
    assert float(answer.headers["x-inference-ms"]) > 0
    assert customer.balance()["consumed"] == before + 2


def test_a_connection_that_waited_longer_than_clients_keep_it_is_still_good(
    customer: Customer,
) -> None:
    address = httpx.URL(customer.installation.url)
    connection = HTTPConnection(address.host, address.port, timeout=10)
    connection.request("GET", "/livez")
    assert connection.getresponse().read()
    kept = connection.sock

    time.sleep(6)

    connection.request("GET", "/livez")
    assert connection.getresponse().status == 200
    assert connection.sock is kept
    connection.close()


def test_the_web_process_serves_without_torch(customer: Customer) -> None:
    """Not imported by what has been called so far, and no child of it either."""
    assert customer.classify(GOOD).status_code == 200
    assert customer.http.get("/v1/models").status_code == 200

    web = customer.installation.pids("web")
    assert web
    for pid in web:
        assert "libtorch" not in Path(f"/proc/{pid}/maps").read_text()
    serving = customer.installation.pids("worker-serve")
    assert any("libtorch" in Path(f"/proc/{pid}/maps").read_text() for pid in serving)


def test_top_k_and_threshold_shape_the_answer_and_not_the_price(customer: Customer) -> None:
    before = customer.balance()["consumed"]

    [row] = customer.classify(GOOD, top_k=1, threshold=1.0).json()["data"]

    assert row["label"] is None
    assert list(row["scores"]) == ["positive"]
    assert customer.balance()["consumed"] == before + 1


def test_a_long_text_is_cut_and_said_so(customer: Customer) -> None:
    body = customer.classify(["good film " * 5000, GOOD]).json()

    assert body["usage"]["truncated"] == 1
    assert body["data"][0]["label"] == "positive"


def test_a_thousand_texts_are_one_call_in_order(customer: Customer) -> None:
    texts = [GOOD if number % 3 else BAD for number in range(1000)]

    body = customer.classify(texts).json()

    labels = [row["label"] for row in body["data"]]
    assert labels == ["positive" if number % 3 else "negative" for number in range(1000)]
    assert len({row["id"] for row in body["data"]}) == 1000


def test_a_repeated_idempotency_key_gets_the_first_answer_uncharged(customer: Customer) -> None:
    headers = {"Idempotency-Key": "serving-once"}
    first = customer.classify(GOOD, headers=headers)
    charged = customer.balance()["consumed"]

    again = customer.classify(GOOD, headers=headers)
    other = customer.classify(BAD, headers=headers)

    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, error_code(other)) == (409, "idempotency_mismatch")
    assert customer.balance()["consumed"] == charged


def test_a_key_repeats_a_pipelines_answer_for_its_own_model_and_text_alone(
    customer: Customer,
) -> None:
    headers = {"Idempotency-Key": "pipeline-once"}
    made = customer.http.post("/v1/deployments", json={"name": "pipe", "model": MODEL}).json()

    def asked(model: str = MODEL, text: str = GOOD) -> httpx.Response:
        return customer.http.post(f"/hf/models/{model}", json={"inputs": text}, headers=headers)

    first = asked()
    charged = customer.balance()["consumed"]
    again = asked()
    others = [asked(text=BAD), asked(model="pipe")]
    customer.http.delete(f"/v1/deployments/{made['id']}").raise_for_status()

    assert (again.content, again.headers["x-units"]) == (first.content, "0")
    assert again.headers["idempotent-replayed"] == "true"
    assert {(each.status_code, each.json()["code"]) for each in others} == {
        (409, "idempotency_mismatch")
    }
    assert customer.balance()["consumed"] == charged


def test_the_hugging_face_client_classifies(customer: Customer) -> None:
    url = f"{customer.installation.url}/hf/models/{MODEL}"
    with InferenceClient(model=url, token=customer.key) as client:
        ranked = client.text_classification(GOOD)
        best = client.text_classification(BAD, top_k=1)

    assert [item.label for item in ranked] == ["positive", "negative"]
    assert ranked[0].score > ranked[1].score
    assert [item.label for item in best] == ["negative"]
    valid("PipelineResponse", customer.http.post(url, json={"inputs": [GOOD, BAD]}).json())
    refused = customer.http.post(f"{url}-none", json={"inputs": GOOD})
    assert refused.status_code == 404
    valid("PipelineError", refused.json())


def test_the_openai_client_embeds_and_lists_models(customer: Customer) -> None:
    with OpenAI(base_url=f"{customer.installation.url}/v1", api_key=customer.key) as client:
        made = client.embeddings.create(model="minilm-l6", input=[GOOD, GOOD, BAD])
        names = {model.id for model in client.models.list()}

    vectors = [item.embedding for item in made.data]
    assert len(vectors[0]) == 384
    same = sum(a * b for a, b in zip(vectors[0], vectors[1], strict=True))
    other = sum(a * b for a, b in zip(vectors[0], vectors[2], strict=True))
    assert same == pytest.approx(1.0, abs=1e-4)
    assert other < 0.9
    assert {MODEL, "minilm-l6"} <= names
    plain = customer.http.post("/v1/embeddings", json={"model": "minilm-l6", "input": GOOD})
    valid("EmbeddingsResponse", plain.json())


def test_a_deployment_is_called_by_its_name_and_moves_at_once(customer: Customer) -> None:
    made = customer.http.post("/v1/deployments", json={"name": "mine", "model": MODEL}).json()

    body = customer.classify(GOOD, model="mine").json()
    customer.http.delete(f"/v1/deployments/{made['id']}").raise_for_status()

    assert (body["model"], body["data"][0]["label"]) == ("mine", "positive")
    gone = customer.classify(GOOD, model="mine")
    assert (gone.status_code, error_code(gone)) == (404, "model_not_found")


def test_a_paused_deployment_refuses_at_once_and_holds_nothing(customer: Customer) -> None:
    made = customer.http.post("/v1/deployments", json={"name": "rest", "model": MODEL}).json()
    address = f"/v1/deployments/{made['id']}"
    assert customer.classify(GOOD, model="rest").status_code == 200
    before = customer.balance()

    customer.http.post(f"{address}/pause", json={"reason": "a test"}).raise_for_status()
    refused = customer.classify(GOOD, model="rest")
    pipeline = customer.http.post("/hf/models/rest", json={"inputs": GOOD})

    assert (refused.status_code, error_code(refused)) == (409, "deployment_paused")
    assert (pipeline.status_code, pipeline.json()["code"]) == (409, "deployment_paused")
    assert customer.balance() == before
    customer.http.post(f"{address}/resume", json={}).raise_for_status()
    # Gateways hear of it through Redis, a moment after the answer.
    again = wait_until(
        lambda: customer.classify(GOOD, model="rest").status_code == 200, seconds=5, pause=0.05
    )
    assert again


def test_a_deployment_shapes_its_answers_and_rules_are_charged_as_predictions(
    customer: Customer,
) -> None:
    made = customer.http.post("/v1/deployments", json={"name": "shaped", "model": MODEL}).json()
    address = f"/v1/deployments/{made['id']}"
    output = {"labels": {"positive": "up"}, "top_k": 1, "fields": {"label": "mood"}}
    rule = {"name": "money", "pattern": "refund*", "label": "billing"}
    customer.http.put(f"{address}/output", json=output).raise_for_status()
    customer.http.put(f"{address}/rules", json={"rules": [rule]}).raise_for_status()
    before = customer.balance()["consumed"]

    mixed = customer.classify([GOOD, "Refunds, now!"], model="shaped")
    alone = customer.classify("I want a refund", model="shaped")
    pipeline = customer.http.post("/hf/models/shaped", json={"inputs": [GOOD, "refund"]})

    first, second = mixed.json()["data"]
    assert (first["mood"], list(first["scores"])) == ("up", ["up"])
    assert (second["mood"], second["rule"], second["score"]) == ("billing", "money", 1.0)
    assert (alone.json()["data"][0]["rule"], alone.headers["x-units"]) == ("money", "1")
    assert [row[0]["label"] for row in pipeline.json()] == ["up", "billing"]
    valid("PipelineResponse", pipeline.json())
    assert customer.balance()["consumed"] == before + 5
    feedback = {"prediction": second["id"], "label": "other"}
    assert customer.http.post("/v1/feedback", json=feedback).status_code == 200


def test_a_prediction_can_be_judged_by_its_owner_alone(
    customer: Customer, installation: Installation
) -> None:
    [row] = customer.classify(GOOD).json()["data"]
    body = {"prediction": row["id"], "label": "positive", "rating": 5}

    with Customer(installation).http as stranger:
        assert customer.http.post("/v1/feedback", json=body).status_code == 200
        assert stranger.post("/v1/feedback", json=body).status_code == 404


def test_the_trial_needs_no_account_and_runs_shipped_models_only(customer: Customer) -> None:
    with httpx.Client(base_url=customer.installation.url, trust_env=False, timeout=60) as visitor:
        body = {"model": MODEL, "input": [GOOD, BAD]}
        answer = visitor.post("/v1/trial/classify", json=body)
        again = visitor.post("/v1/trial/classify", json=body)
        unknown = visitor.post("/v1/trial/classify", json={**body, "model": "ft:x"})
        many = visitor.post("/v1/trial/classify", json={**body, "input": ["x"] * 21})
        long = visitor.post("/v1/trial/classify", json={**body, "input": "x" * 5001})

    valid("ClassifyResponse", answer.json())
    assert "anneal_trial" in answer.cookies
    assert (again.status_code, "set-cookie" in again.headers) == (200, False)
    assert (unknown.status_code, many.status_code, long.status_code) == (404, 413, 400)


def test_a_revoked_key_fails_on_its_next_call(customer: Customer) -> None:
    made = customer.http.post("/v1/api_keys", json={"name": "short", "scopes": ["predict"]}).json()
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert customer.classify(GOOD, headers=bearer).status_code == 200

    customer.http.delete(f"/v1/api_keys/{made['id']}").raise_for_status()

    refused = customer.classify(GOOD, headers=bearer)
    assert (refused.status_code, error_code(refused)) == (401, "authentication_failed")
    assert customer.nothing_held()


def test_a_keys_own_limits_hold_until_they_are_changed(customer: Customer) -> None:
    body = {"name": "narrow", "scopes": ["predict"], "requests_per_minute": 2}
    made = customer.http.post("/v1/api_keys", json=body).json()
    address, bearer = f"/v1/api_keys/{made['id']}", {"Authorization": f"Bearer {made['key']}"}
    before = customer.balance()["consumed"]

    first, second, third = (customer.classify([GOOD, BAD], headers=bearer) for _ in range(3))

    assert (first.status_code, second.status_code) == (200, 200)
    assert (third.status_code, error_code(third)) == (429, "key_rate_limited")
    assert 0 < int(third.headers["retry-after"]) <= 60
    assert customer.classify(GOOD).status_code == 200
    assert customer.balance()["consumed"] == before + 5
    limits = {"requests_per_minute": None, "calls_in_flight": 1}
    customer.http.patch(address, json=limits).raise_for_status()
    assert wait_until(
        lambda: customer.classify(GOOD, headers=bearer).status_code == 200, seconds=10, pause=0.1
    )
    with ThreadPoolExecutor(4) as clients:
        told = list(
            clients.map(lambda _: customer.classify([GOOD] * 500, headers=bearer), range(4))
        )
    assert sorted(answer.status_code for answer in told) == [200, 429, 429, 429]
    crowded = next(answer for answer in told if answer.status_code == 429)
    assert crowded.json()["error"]["param"] == "calls_in_flight"


def test_a_key_without_the_scope_may_not_predict(customer: Customer) -> None:
    made = customer.http.post("/v1/api_keys", json={"name": "t", "scopes": ["datasets"]}).json()

    refused = customer.classify(GOOD, headers={"Authorization": f"Bearer {made['key']}"})

    assert (refused.status_code, error_code(refused)) == (403, "permission_denied")


@pytest.mark.parametrize("bearer", ["", "Bearer", "Bearer ak_live_x", "Basic abc", "Bearer \xff"])
def test_no_valid_key_is_401(customer: Customer, bearer: str) -> None:
    headers = {"Authorization": bearer.encode("latin-1")}
    refused = httpx.post(
        f"{customer.installation.url}/v1/classify",
        json={"model": MODEL, "input": GOOD},
        headers=headers,  # type: ignore[arg-type] # bytes are sent as they are
        trust_env=False,
    )

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    valid("GatewayError", refused.json())


def test_other_verbs_are_405_and_livez_needs_nothing(customer: Customer) -> None:
    wrong = customer.http.get("/v1/classify")

    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert customer.http.get("/livez").status_code == 200
