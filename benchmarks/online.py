"""Bars `online_cpu` and `idle_latency`: the online path beside the bare forward of its rows."""

import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, figure
from benchmarks.load import Plan, Result, load_run
from benchmarks.raw import raw_run
from benchmarks.servers import cpu_time, customer_make, post, url, wait_serving
from benchmarks.shipped import MODEL, shipped_folder
from benchmarks.texts import reviews
from mlworker.engine.precision import NEIGHBOURS

CLIENTS = 64
ROUNDS = 3
TEXTS = 1_000
SECONDS = 10.0
SAME = NEIGHBOURS
"""How far a served probability may be from the bare one before speed means nothing: the shipped
model is served in bf16 where its processor has it."""


def plan_of(key: str, texts: list[str], clients: int, seconds: float, rate: float = 0.0) -> Plan:
    """Calls of one text each to the shipped model."""
    bodies = [json.dumps({"model": MODEL, "input": text}) for text in texts]
    return Plan(url(), "/v1/classify", [key], bodies, clients, seconds, rate)


def played(plan: Plan) -> Result:
    """Run a plan none of whose calls may fail."""
    result = load_run(plan)
    if result.failures:
        raise RuntimeError(f"{result.failures} calls failed, first: {result.first_failure}")
    return result


def played_and_spent(plan: Plan) -> tuple[Result, dict[str, float]]:
    """Run a plan; also the core-ms that each server spent on a call."""
    before = cpu_time()
    result = played(plan)
    spent = cpu_time().since(before)
    return result, {name: 1000 * each / result.calls for name, each in spent.items()}


def outputs_equal(key: str, texts: list[str], artifact: Path, threads: int) -> float:
    """Return the greatest difference between served and bare probabilities; raise when large."""
    bare = raw_run(texts, artifact, "outputs", threads)
    status, answer = post("/v1/classify", key, {"model": MODEL, "input": texts})
    if status != 200:
        raise RuntimeError(f"{status}: {answer}")
    far = max(
        abs(row["scores"][label] - probability)
        for row, probabilities in zip(answer["data"], bare["probabilities"], strict=True)
        for label, probability in zip(bare["labels"], probabilities, strict=True)
    )
    if far > SAME:
        raise RuntimeError(f"served and bare outputs differ by {far}")
    return float(far)


def online_cpu() -> Iterator[Figure]:
    """Bare core-ms per text / all servers' core-ms per text, 64 clients, one text a call."""
    artifact, threads = shipped_folder(), os.cpu_count() or 1
    texts, source = reviews(TEXTS)
    key = customer_make()
    wait_serving(key, MODEL)
    far = outputs_equal(key, texts[:64], artifact, threads)
    plan = plan_of(key, texts, CLIENTS, SECONDS)
    played(plan_of(key, texts, CLIENTS, 3.0))
    raws, served, parts = [], [], []
    last: Result | None = None
    for _ in range(ROUNDS):
        raws.append(raw_run(texts, artifact, "batches", threads)["core_ms"])
        last, spent = played_and_spent(plan)
        parts.append(spent)
        served.append(sum(spent.values()))
    assert last is not None
    ratios = [raw / server for raw, server in zip(raws, served, strict=True)]
    detail: dict[str, Any] = {
        "raw_core_ms": rounded(raws),
        "server_core_ms": rounded(served),
        "parts_core_ms": medians(parts),
        "texts_per_second": round(last.calls / last.seconds, 1),
        "p50_ms": round(last.quantile(0.5), 1),
        "p99_ms": round(last.quantile(0.99), 1),
        "ratios": rounded(ratios),
        "largest_output_difference": far,
        "texts": source,
        "threads": threads,
    }
    yield figure("online_cpu", statistics.median(ratios), 0.80, "more", **detail)


def idle_latency() -> Iterator[Figure]:
    """p50 of a lone call / p50 of the bare forward of one row."""
    artifact, threads = shipped_folder(), os.cpu_count() or 1
    texts, source = reviews(200)
    key = customer_make()
    wait_serving(key, MODEL)
    far = outputs_equal(key, texts[:64], artifact, threads)
    played(plan_of(key, texts, 1, 2.0))
    raws, calls, tails = [], [], []
    for _ in range(ROUNDS):
        raws.append(raw_run(texts, artifact, "single", threads)["p50_ms"])
        result = played(plan_of(key, texts, 1, 6.0))
        calls.append(result.quantile(0.5))
        tails.append(result.quantile(0.99))
    ratios = [call / raw for raw, call in zip(raws, calls, strict=True)]
    detail: dict[str, Any] = {
        "raw_p50_ms": rounded(raws),
        "call_p50_ms": rounded(calls),
        "call_p99_ms": rounded(tails),
        "largest_output_difference": far,
        "texts": source,
        "threads": threads,
    }
    yield figure("idle_latency", statistics.median(ratios), 1.3, "less", **detail)


def medians(parts: list[dict[str, float]]) -> dict[str, float]:
    """What each server spent, in the middle of the rounds."""
    return {name: round(statistics.median(each[name] for each in parts), 3) for name in parts[0]}


def rounded(values: list[float]) -> list[float]:
    """What a reader wants of numbers."""
    return [round(value, 3) for value in values]
