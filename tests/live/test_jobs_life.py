"""A fine-tune from upload to model, through the public API, on the shared installation."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tenants.datasets.samples import sample_csv
from tests.live.machine import Installation
from tests.live.training import HEAD, Customer, trainers

FLOOD, OTHERS = 6, 2


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Customer:
    return Customer(installation)


@pytest.fixture
def openai(customer: Customer) -> Iterator[OpenAI]:
    url = f"{customer.installation.url}/v1"
    with OpenAI(base_url=url, api_key=customer.key, max_retries=0) as client:
        yield client


def test_reviews_become_a_model_that_is_charged_once(installation: Installation) -> None:
    customer = Customer(installation)
    upload = {"file": ("reviews.csv", sample_csv(300), "text/csv")}
    dataset = customer.call("POST", "/datasets", files=upload, data={"name": "Reviews"}).json()[
        "id"
    ]

    job = customer.ended(customer.submit(dataset, suffix="reviews", **HEAD))

    customer.assert_once(job["id"])
    assert job["fine_tuned_model"].startswith(f"ft:minilm-l6:{customer.slug}:reviews:")
    assert job["trained_tokens"] == job["quoted_tokens"]
    assert job["metrics"]["test"]["accuracy"] >= 0.7
    assert job["progress"]["step"] == job["progress"]["total"]
    model = customer.get(f"/models/{job['fine_tuned_model']}")
    assert model["labels"] == ["negative", "positive"]
    assert model["job_id"] == job["id"]
    assert "sha256" in model["card"]
    lineage = model["lineage"]
    assert lineage["dataset_version"] == job["dataset_version"]
    assert lineage["seed"] == HEAD["seed"]


def test_a13_a_flood_of_jobs_lets_everybody_elses_first_one_by(installation: Installation) -> None:
    flooder, *others = [Customer(installation) for _ in range(1 + OTHERS)]
    data = {each.slug: each.dataset(40) for each in others}
    much = flooder.dataset(400)
    with ThreadPoolExecutor(FLOOD) as at_once:
        flood = list(at_once.map(lambda _: flooder.submit(much, **HEAD), range(FLOOD)))
    first = [other.submit(data[other.slug], **HEAD) for other in others]

    for other, job in zip(others, first, strict=True):
        other.ended(job)
    for job in flood:
        flooder.call("POST", f"/fine_tuning/jobs/{job}/cancel")

    # then no job of the flood began while one of theirs waited, but for one just being claimed,
    # and some that had waited for longer still did
    times = "SELECT queued_at, started_at FROM jobs_finetuningjob WHERE organization_id = %s"
    flooded = flooder.rows(times)
    for other in others:
        ((queued, started),) = other.rows(times)
        begun = [each for _, each in flooded if each is not None]
        assert sum(queued < each < started for each in begun) <= 1
        assert any(before < queued and (each is None or each > started) for before, each in flooded)


def test_the_openai_client_unchanged_uploads_trains_and_reads(openai: OpenAI) -> None:
    file = openai.files.create(file=("r.csv", io.BytesIO(sample_csv(160))), purpose="fine-tune")
    job = openai.fine_tuning.jobs.create(
        model="minilm-l6", training_file=file.id, suffix="o", seed=3, extra_body={"tier": "head"}
    )
    assert job.status in ("validating_files", "queued")

    done = _wait(openai, job.id)

    assert done.status == "succeeded"
    assert done.error is None
    assert done.trained_tokens
    assert done.fine_tuned_model in [model.id for model in openai.models.list()]
    assert openai.models.retrieve(done.fine_tuned_model or "").owned_by
    messages = [event.message for event in openai.fine_tuning.jobs.list_events(job.id, limit=2)]
    assert messages[0] == "The job has successfully completed."
    assert len(messages) > 5
    assert next(iter(openai.fine_tuning.jobs.list(limit=1))).id == job.id
    assert openai.fine_tuning.jobs.checkpoints.list(job.id).object == "list"
    assert openai.models.delete(done.fine_tuned_model or "").deleted is True


def _wait(client: OpenAI, job_id: str) -> Any:
    # The stream ends with the job, so reading it is waiting for it.
    url = f"{client.base_url}fine_tuning/jobs/{job_id}/stream"
    httpx.get(url, headers={"Authorization": f"Bearer {client.api_key}"}, timeout=90)
    return client.fine_tuning.jobs.retrieve(job_id)


def test_a_stream_shows_the_job_live_and_ends_with_it(customer: Customer) -> None:
    job_id = customer.submit(customer.dataset(), **HEAD)
    kinds, numbers, phases = _stream(customer, job_id)
    assert kinds[-1] == "done"
    assert {"status", "metric", "log"} <= set(kinds)
    assert numbers == sorted(set(numbers))
    assert {"training", "saving"} & phases
    _, again, _ = _stream(customer, job_id, last=numbers[2])
    assert again == numbers[3:]


def _stream(
    customer: Customer, job_id: str, last: int = 0
) -> tuple[list[str], list[int], set[str]]:
    kinds: list[str] = []
    numbers: list[int] = []
    phases: set[str] = set()
    response = customer.call(
        "GET", f"/fine_tuning/jobs/{job_id}/stream", headers={"Last-Event-ID": str(last)}
    )
    for block in response.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "id" in lines:
            numbers.append(int(lines["id"]))
        if "event" in lines:
            kinds.append(lines["event"])
            phases.add(json.loads(lines["data"]).get("phase", ""))
    return kinds, numbers, phases


def test_an_estimate_after_a_job_knows_this_machines_speed(customer: Customer) -> None:
    dataset = customer.dataset()
    done = customer.ended(customer.submit(dataset, **HEAD))
    body = {"model": "minilm-l6", "training_file": dataset, **HEAD}
    estimate = customer.post("/fine_tuning/jobs/estimate", body)
    assert estimate["trained_tokens"] == done["trained_tokens"]
    assert 0 < estimate["seconds_p50"] <= estimate["seconds_p90"] < 300


WILD = {
    "n_epochs": 8,
    "patience": 0,
    "optimizer": "sgd",
    "learning_rate": 1.0,
    "momentum": 0.99,
    "max_grad_norm": 100.0,
    "warmup_fraction": 0.0,
    "scheduler": "constant",
}
"""Each within its bounds; together no loss survives them."""


def test_a_rate_far_too_large_ends_the_job_unpaid_and_names_the_fix(
    installation: Installation,
) -> None:
    customer = Customer(installation)
    job_id = customer.submit(customer.dataset(), tier="lora", seed=7, hyperparameters=WILD)
    assert customer.tokens()["held"] > 0

    job = customer.ended(job_id)

    assert (job["status"], job["error"]["code"]) == ("failed", "diverged")
    assert "Choose a smaller learning_rate." in job["error"]["message"]
    assert (job["fine_tuned_model"], job["trained_tokens"]) == (None, 0)
    tokens = customer.tokens()
    assert (tokens["held"], tokens["consumed"]) == (0, 0)
    assert customer.codes(job_id)[-1] == "job.failed"
    assert trainers(installation) == []


def test_a_file_nobody_can_train_on_fails_with_a_reason(customer: Customer) -> None:
    upload = {"file": ("one.csv", b"text,label\nfine,only\n" * 30, "text/csv")}
    file = customer.call("POST", "/files", files=upload, data={"purpose": "fine-tune"}).json()["id"]
    job = customer.ended(customer.submit(file, **HEAD))
    assert job["status"] == "failed"
    assert job["error"]["param"] == "training_file"
