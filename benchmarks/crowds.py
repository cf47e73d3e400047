"""Bars `tail`, `fairness`, `cold_adapter` and `train_beside`: one caller's wait beside others.

Loads here are open: calls come at random moments whatever is answered, and a call's time counts
from when it was due.
"""

import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks.figures import Figure, figure
from benchmarks.load import load_run
from benchmarks.online import CLIENTS, plan_of, played, rounded
from benchmarks.servers import customer_make, get, post, wait_serving
from benchmarks.shipped import MODEL
from benchmarks.tenants import tenant_with_cold_models
from benchmarks.texts import reviews

TEXTS = 1_000
ROUNDS = 3
SECONDS = 15.0
CONNECTIONS = 256
TAIL_LOAD = 0.7
BESIDE_LOAD = 0.5
SHARE = 0.1
"""Of what the servers can do, that the calm tenant asks for; the flooding one asks ten times."""
FLOOD = 10
OTHERS_ROUNDS = 9
"""A round's ratio lies anywhere between 0.9 and 1.5: the median of three is chance."""
COLD = 12
"""Models nobody called: for the first answers, and for each round beside others."""
STEPPING_SECONDS = 180


def tail(seconds: float = SECONDS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """p99 / p50 of calls at 70 % of what 64 clients get through."""
    key, texts, source = _ready()
    capacity = _capacity(key, texts)
    rate = TAIL_LOAD * capacity
    results = [played(plan_of(key, texts, CONNECTIONS, seconds, rate)) for _ in range(rounds)]
    ratios = [each.quantile(0.99) / each.quantile(0.5) for each in results]
    yield figure(
        "tail",
        statistics.median(ratios),
        4,
        "less",
        capacity_per_second=round(capacity, 1),
        rate=round(rate, 1),
        p50_ms=rounded([each.quantile(0.5) for each in results]),
        p99_ms=rounded([each.quantile(0.99) for each in results]),
        ratios=rounded(ratios),
        calls=[each.calls for each in results],
        texts=source,
    )


def fairness(seconds: float = SECONDS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """p99 of a calm tenant while another floods at ten times its rate / of it alone."""
    key, texts, source = _ready()
    flooder = customer_make()
    wait_serving(flooder, MODEL)
    capacity = _capacity(key, texts)
    rate = SHARE * capacity
    calm = plan_of(key, texts, CONNECTIONS, seconds, rate)
    flood = plan_of(flooder, texts, CONNECTIONS, seconds + 2, FLOOD * rate)
    alone, beside, refused, floods = [], [], [], []
    for _ in range(rounds):
        alone.append(played(calm).quantile(0.99))
        with ThreadPoolExecutor(1) as threads:
            other = threads.submit(load_run, flood)
            time.sleep(1.0)
            beside.append(played(calm).quantile(0.99))
            flooded = other.result()
        refused.append(flooded.failures)
        floods.append(flooded.quantile(0.99))
    ratios = [two / one for one, two in zip(alone, beside, strict=True)]
    yield figure(
        "fairness",
        statistics.median(ratios),
        2,
        "less",
        capacity_per_second=round(capacity, 1),
        rate=round(rate, 1),
        flooding_rate=round(FLOOD * rate, 1),
        alone_p99_ms=rounded(alone),
        beside_p99_ms=rounded(beside),
        flooding_p99_ms=rounded(floods),
        flooding_refused=refused,
        ratios=rounded(ratios),
        texts=source,
    )


def cold_adapter(
    models: int = COLD, seconds: float = SECONDS, rounds: int = OTHERS_ROUNDS
) -> Iterator[Figure]:
    """First answer of a model nobody called / its second; and others' p99 meanwhile / without."""
    key, texts, source = _ready()
    capacity = _capacity(key, texts)
    tenant = tenant_with_cold_models(models * (1 + rounds))
    wait_serving(tenant.key, MODEL)
    pairs = [_first_two(tenant.key, name, texts[0]) for name in tenant.models[:models]]
    cold, warm = [first for first, _ in pairs], [second for _, second in pairs]
    yield figure(
        "cold_adapter",
        statistics.median(cold) / statistics.median(warm),
        3,
        "less",
        cold_ms=rounded(cold),
        warm_ms=rounded(warm),
        models=models,
    )
    others = plan_of(key, texts, CONNECTIONS, seconds, BESIDE_LOAD * capacity)
    without, beside = [], []
    for number in range(1, rounds + 1):
        without.append(played(others).quantile(0.99))
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(played, others)
            for name in tenant.models[number * models : (number + 1) * models]:
                time.sleep((seconds - 2) / models)
                _first_two(tenant.key, name, texts[0])
            beside.append(running.result().quantile(0.99))
    ratios = [two / one for one, two in zip(without, beside, strict=True)]
    yield figure(
        "cold_adapter.others",
        statistics.median(ratios),
        1.2,
        "less",
        p99_ms_while_loading=rounded(beside),
        p99_ms_without=rounded(without),
        ratios=rounded(ratios),
        loads=models,
        rate=round(BESIDE_LOAD * capacity, 1),
        texts=source,
    )


def train_beside(seconds: float = SECONDS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """p99 of calls at half load with a training job beside / without."""
    key, texts, source = _ready()
    capacity = _capacity(key, texts)
    plan = plan_of(key, texts, CONNECTIONS, seconds, BESIDE_LOAD * capacity)
    without, beside = [], []
    for _ in range(rounds):
        without.append(played(plan).quantile(0.99))
        with _training(key):
            beside.append(played(plan).quantile(0.99))
    ratios = [two / one for one, two in zip(without, beside, strict=True)]
    yield figure(
        "train_beside",
        statistics.median(ratios),
        2.5,
        "less",
        rate=round(BESIDE_LOAD * capacity, 1),
        without_p99_ms=rounded(without),
        beside_p99_ms=rounded(beside),
        ratios=rounded(ratios),
        texts=source,
    )


def _ready() -> tuple[str, list[str], str]:
    texts, source = reviews(TEXTS)
    key = customer_make()
    wait_serving(key, MODEL)
    return key, texts, source


def _capacity(key: str, texts: list[str]) -> float:
    """Calls a second that 64 clients get through, each waiting for its answers."""
    played(plan_of(key, texts, CLIENTS, 3.0))
    result = played(plan_of(key, texts, CLIENTS, 6.0))
    return result.calls / result.seconds


def _first_two(key: str, model: str, text: str) -> tuple[float, float]:
    """Milliseconds of two calls of one model after each other, each on a connection of its own."""
    body = {"model": model, "input": text}
    took = []
    for _ in range(2):
        since = time.perf_counter()
        status, answer = post("/v1/classify", key, body)
        took.append((time.perf_counter() - since) * 1000)
        if status != 200:
            raise RuntimeError(f"{status}: {answer}")
    return took[0], took[1]


@contextmanager
def _training(key: str) -> Iterator[None]:
    """A job of tier lora that is in its steps until the block ends, then cancelled."""
    _, dataset = post("/v1/datasets/sample", key, {})
    body = {
        "model": "minilm-l6",
        "training_file": dataset["id"],
        "tier": "lora",
        "hyperparameters": {"n_epochs": 50, "patience": 0},
    }
    status, job = post("/v1/fine_tuning/jobs", key, body)
    if status not in (200, 201):
        raise RuntimeError(f"{status}: {job}")
    address = f"/v1/fine_tuning/jobs/{job['id']}"
    end = time.monotonic() + STEPPING_SECONDS
    try:
        while not _stepping(key, address):
            if time.monotonic() > end:
                raise TimeoutError(f"the job takes no step: {get(address, key)!r}")
            time.sleep(0.5)
        yield
        now = json.loads(get(address, key))
        if now["status"] != "running":
            raise RuntimeError(f"the job was over too early: {now['status']}, {now['error']}")
    finally:
        post(f"{address}/cancel", key, {})


def _stepping(key: str, address: str) -> bool:
    job = json.loads(get(address, key))
    return bool(job["status"] == "running" and job["progress"]["step"] >= 1)
