"""Models of several organizations in one batch: every row equals its lone result."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from anneal.local.processes import wait_until
from mlworker.engine.precision import NEIGHBOURS
from tests.live.machine import Installation
from tests.live.serving import BAD, GOOD, MODEL, Customer, error_code, serving

TOLERANCE = NEIGHBOURS
"""Both models may be served in bf16; in float32, tests/unit/engine holds it to 1e-5."""


@pytest.fixture(scope="module")
def customers(installation: Installation) -> Iterator[list[tuple[Customer, str]]]:
    """Two organizations, each with a model of its own on the shared base."""
    made = []
    with serving(installation) as first, serving(installation) as second:
        for customer, suffix in ((first, "one"), (second, "two")):
            made.append((customer, trained(customer, suffix)))
        yield made


def trained(customer: Customer, suffix: str) -> str:
    """Fine-tune a `head` on the sample data; the model's name."""
    dataset = customer.http.post("/v1/datasets/sample", json={}).json()["id"]
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head", "suffix": suffix}
    job = customer.http.post("/v1/fine_tuning/jobs", json=body)
    assert job.status_code in (200, 201), job.text
    path = f"/v1/fine_tuning/jobs/{job.json()['id']}"
    over = ("succeeded", "failed", "cancelled")
    ended = wait_until(
        lambda: customer.http.get(path).json()["status"] in over, seconds=180, pause=0.5
    )
    last = customer.http.get(path).json()
    assert ended, last
    assert last["status"] == "succeeded", last["error"]
    return str(last["fine_tuned_model"])


def scores(customer: Customer, model: str, texts: list[str]) -> list[dict[str, float]]:
    answer = customer.classify(texts, model=model)
    assert answer.status_code == 200, answer.text
    return [row["scores"] for row in answer.json()["data"]]


def most_disputed(customer: Customer, one: str, other: str) -> str:
    """The text on which two models differ most, by far more than a number format does."""
    dice = random.Random(11)
    words = f"{GOOD} {BAD} but never quite as".split()
    texts = [" ".join(dice.choices(words, k=12)) for _ in range(40)]
    pairs = zip(scores(customer, one, texts), scores(customer, other, texts), strict=True)
    apart = [max(abs(a[label] - b[label]) for label in a) for a, b in pairs]
    assert max(apart) > 4 * TOLERANCE
    return texts[apart.index(max(apart))]


def test_a_row_in_a_mixed_batch_equals_its_lone_result(
    customers: list[tuple[Customer, str]],
) -> None:
    dice = random.Random(7)
    words = f"{GOOD} {BAD} plot actor camera never always film the a of".split()
    texts = [" ".join(dice.choices(words, k=dice.randint(1, 60))) for _ in range(24)]
    pairs = [(c, m, t) for c, own in customers for m in (own, MODEL) for t in texts]
    alone = [scores(customer, model, [text])[0] for customer, model, text in pairs]
    order = list(range(len(pairs)))
    dice.shuffle(order)

    def ask(index: int) -> tuple[int, dict[str, float]]:
        customer, model, text = pairs[index]
        return index, scores(customer, model, [text])[0]

    with ThreadPoolExecutor(32) as pool:
        together = dict(pool.map(ask, order))

    for index, lone in enumerate(alone):
        assert together[index] == pytest.approx(lone, abs=TOLERANCE), pairs[index][1:]
    whole = scores(customers[0][0], customers[0][1], texts)
    assert whole == [pytest.approx(lone, abs=TOLERANCE) for lone in alone[: len(texts)]]


def test_another_organizations_model_is_not_found(customers: list[tuple[Customer, str]]) -> None:
    (first, own), (second, foreign) = customers

    refused = first.classify(GOOD, model=foreign)

    assert (refused.status_code, error_code(refused)) == (404, "model_not_found")
    assert second.classify(GOOD, model=own).status_code == 404


def test_a_canary_gets_its_share_and_promotion_moves_every_call(
    customers: list[tuple[Customer, str]],
) -> None:
    customer, own = customers[0]
    body = {"name": "split", "model": MODEL, "canary": {"model": own, "percent": 50}}
    made = customer.http.post("/v1/deployments", json=body).json()
    # Both know the same labels: how sure they are tells them apart, where they disagree.
    text = most_disputed(customer, MODEL, own)
    main, canary = (
        pytest.approx(scores(customer, model, [text])[0], abs=TOLERANCE) for model in (MODEL, own)
    )
    calls = 40
    split = [scores(customer, "split", [text])[0] for _ in range(calls)]

    customer.http.post(f"/v1/deployments/{made['id']}/promote", json={}).raise_for_status()

    after = [scores(customer, "split", [text])[0] for _ in range(10)]
    assert split.count(main) + split.count(canary) == calls
    assert 5 <= split.count(canary) <= 35  # one in five million runs lies outside
    assert after == [canary] * 10


def test_a_shadow_is_compared_and_costs_nothing(customers: list[tuple[Customer, str]]) -> None:
    customer, own = customers[0]
    made = customer.http.post("/v1/deployments", json={"name": "beside", "model": MODEL}).json()
    address = f"/v1/deployments/{made['id']}"
    body = {"model": own, "percent": 100}
    customer.http.put(f"{address}/shadow", json=body).raise_for_status()
    before = customer.balance()["consumed"]

    for _ in range(10):
        answer = customer.classify([GOOD, BAD], model="beside").json()
        assert set(answer["data"][0]["scores"]) == {"positive", "negative"}

    def seen() -> dict[str, dict[str, float]]:
        found = customer.http.get(address).json()["comparisons"]
        return dict(found[0]) if found else {"main": {}, "shadow": {}}

    def counted() -> bool:
        sides = seen()
        shadow = sides["shadow"] or {}
        return sides["main"] != {} and shadow.get("calls", 0) + shadow.get("skipped", 0) == 10

    assert wait_until(counted, seconds=60, pause=0.5), seen()
    assert (seen()["main"]["calls"], seen()["main"]["items"]) == (10, 20)
    assert seen()["shadow"]["compared"] == 2 * seen()["shadow"]["calls"] > 0
    assert customer.balance()["consumed"] == before + 20
    assert customer.events() == customer.balance()["consumed"]
