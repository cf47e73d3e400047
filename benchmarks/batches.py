"""Bar `batch_rows`: a batch from its creation to its files, beside the bare forward of its rows."""

import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.figures import Figure, figure
from benchmarks.load import Plan, load_run
from benchmarks.online import SAME
from benchmarks.raw import raw_run
from benchmarks.servers import (
    COUNTED_OF_BATCHES,
    cpu_time,
    customer_make,
    get,
    post,
    upload,
    url,
    wait_serving,
)
from benchmarks.shipped import MODEL, shipped_folder
from benchmarks.texts import reviews

ROWS = 20_000
DISTINCT = 10_000
ROUNDS = 3
CHECKED = 64
LOOK_SECONDS = 0.5
CALL_SECONDS = 8.0


def batch_rows(*, full: bool = False) -> Iterator[Figure]:
    """Rows a second of a batch, end to end / of a bare loop over rows sorted by length."""
    artifact, threads = shipped_folder(), os.cpu_count() or 1
    texts, source = reviews(DISTINCT)
    rows = (texts * 2)[: ROWS if not full else 2 * ROWS]
    key = customer_make()
    wait_serving(key, MODEL)
    file_id = upload(key, "rows.jsonl", _requests(rows))
    raws, batches, spent, far = [], [], [], 0.0
    for _ in range(ROUNDS):
        raws.append(raw_run(texts, artifact, "batches", threads))
        clock = cpu_time(COUNTED_OF_BATCHES)
        seconds, output = _run(key, file_id)
        spent.append(cpu_time(COUNTED_OF_BATCHES).since(clock))
        batches.append(len(rows) / seconds)
        bare = raw_run(texts[:CHECKED], artifact, "outputs", threads)
        far = max(far, _difference(output[:CHECKED], bare))
    raws.append(raw_run(texts, artifact, "batches", threads))
    if far > SAME:
        raise RuntimeError(f"batched and bare outputs differ by {far}")
    # Each batch lies between two bare runs: the machine's mood is theirs too.
    ratios = [
        2 * batch / (before["rows_per_second"] + after["rows_per_second"])
        for batch, before, after in zip(batches, raws, raws[1:], strict=False)
    ]
    alone = _calls(key, texts)
    with _running(key, file_id):
        beside = _calls(key, texts)
    detail: dict[str, Any] = {
        "call_ms_alone": alone,
        "call_ms_beside_a_batch": beside,
        "core_ms_per_row": _core_ms(raws, spent, len(rows)),
        "raw_rows_per_second": [round(each["rows_per_second"], 1) for each in raws],
        "batch_rows_per_second": [round(each, 1) for each in batches],
        "ratios": [round(each, 3) for each in ratios],
        "rows": len(rows),
        "largest_output_difference": far,
        "texts": source,
        "threads": threads,
    }
    yield figure("batch_rows", statistics.median(ratios), 0.95, "more", **detail)


def _requests(texts: list[str]) -> bytes:
    lines = [
        json.dumps(
            {
                "custom_id": str(number),
                "method": "POST",
                "url": "/v1/classify",
                "body": {"model": MODEL, "input": text},
            }
        )
        for number, text in enumerate(texts)
    ]
    return "\n".join(lines).encode()


def _run(key: str, file_id: str) -> tuple[float, list[dict[str, Any]]]:
    """Run a batch; the seconds from its creation to its files, and the answers."""
    began = time.perf_counter()
    body = {"input_file_id": file_id, "endpoint": "/v1/classify", "completion_window": "24h"}
    status, batch = post("/v1/batches", key, body)
    if status != 200:
        raise RuntimeError(f"{status}: {batch}")
    while batch["status"] not in ("completed", "failed", "expired", "cancelled"):
        time.sleep(LOOK_SECONDS)
        batch = json.loads(get(f"/v1/batches/{batch['id']}", key))
    seconds = time.perf_counter() - began
    if batch["status"] != "completed" or batch["request_counts"]["failed"]:
        raise RuntimeError(f"the batch ended as {batch}")
    lines = get(f"/v1/files/{batch['output_file_id']}/content", key).splitlines()
    return seconds, [json.loads(line)["response"]["body"]["data"][0] for line in lines]


def _core_ms(
    raws: list[dict[str, Any]], spent: list[dict[str, float]], rows: int
) -> dict[str, float]:
    """Return processor time a row: of the bare loop, and of each part of the installation."""
    told = {"raw": statistics.median(each["core_ms"] for each in raws)}
    for part in COUNTED_OF_BATCHES:
        told[part] = 1000 * statistics.median(each[part] for each in spent) / rows
    return {name: round(value, 3) for name, value in told.items()}


def _calls(key: str, texts: list[str]) -> dict[str, float]:
    """Return milliseconds of lone calls, one after another, for some seconds."""
    bodies = [json.dumps({"model": MODEL, "input": text}) for text in texts[:200]]
    result = load_run(Plan(url(), "/v1/classify", [key], bodies, 1, CALL_SECONDS))
    if result.failures:
        raise RuntimeError(f"{result.failures} calls failed, first: {result.first_failure}")
    return {f"p{share}": round(result.quantile(share / 100), 1) for share in (50, 99)}


@contextmanager
def _running(key: str, file_id: str) -> Iterator[None]:
    """A batch that is being answered; cancelled in the end."""
    body = {"input_file_id": file_id, "endpoint": "/v1/classify", "completion_window": "24h"}
    _, batch = post("/v1/batches", key, body)
    while not batch["request_counts"]["completed"]:
        time.sleep(LOOK_SECONDS)
        batch = json.loads(get(f"/v1/batches/{batch['id']}", key))
    yield
    post(f"/v1/batches/{batch['id']}/cancel", key, {})


def _difference(answers: list[dict[str, Any]], bare: dict[str, Any]) -> float:
    """Return the greatest difference between a batch's probabilities and the bare model's."""
    far: float = max(
        abs(answer["scores"][label] - probability)
        for answer, probabilities in zip(answers, bare["probabilities"], strict=True)
        for label, probability in zip(bare["labels"], probabilities, strict=True)
    )
    return far
