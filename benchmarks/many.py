"""Bars `many_tenants`: what it costs that every caller has a model of its own."""

import json
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.engine import adapters
from benchmarks.figures import Figure, figure
from benchmarks.load import Plan
from benchmarks.online import CLIENTS, SAME, medians, played, played_and_spent, rounded
from benchmarks.servers import customer_make, post, url, wait_serving
from benchmarks.shipped import MODEL
from benchmarks.tenants import Tenant, tenants_make
from benchmarks.texts import reviews

TENANTS = 1_000
ROUNDS = 3
SECONDS = 10.0
WARMERS = 8


def many_tenants() -> Iterator[Figure]:
    """Mixed batches in the engine alone, then 1,000 tenants' calls end to end."""
    yield from adapters()
    yield many_end_to_end()


def many_end_to_end(
    tenants: int = TENANTS, seconds: float = SECONDS, rounds: int = ROUNDS
) -> Figure:
    """Texts a second of calls spread evenly over tenants / of one tenant's, 64 clients."""
    texts, source = reviews(1_000)
    wait_serving(customer_make(), MODEL)
    made = tenants_make(tenants)
    far = _called_once(made, texts[0])
    many, one = _plan(made, texts, seconds), _plan(made[:1], texts, seconds)
    for plan in (many, one):
        played(plan)
    spread, alone, spread_spent, alone_spent = [], [], [], []
    for _ in range(rounds):
        for plan, rates, spent in ((one, alone, alone_spent), (many, spread, spread_spent)):
            result, parts = played_and_spent(plan)
            rates.append(result.calls / result.seconds)
            spent.append(parts)
    ratios = [two / one for one, two in zip(alone, spread, strict=True)]
    return figure(
        "many_tenants.tenants",
        statistics.median(ratios),
        0.90,
        "more",
        tenants=tenants,
        texts_per_second=rounded(spread),
        one_tenant_texts_per_second=rounded(alone),
        parts_core_ms=medians(spread_spent),
        one_tenant_parts_core_ms=medians(alone_spent),
        ratios=rounded(ratios),
        largest_output_difference=far,
        texts=source,
    )


def _plan(made: Sequence[Tenant], texts: Sequence[str], seconds: float) -> Plan:
    """Call i is tenant i's; each tenant asks its own model."""
    bodies = [
        json.dumps({"model": made[place % len(made)].models[0], "input": text})
        for place, text in enumerate(texts)
    ]
    return Plan(url(), "/v1/classify", [each.key for each in made], bodies, CLIENTS, seconds)


def _called_once(made: Sequence[Tenant], text: str) -> float:
    """Have every model loaded; the greatest difference between two of their answers."""

    def ask(tenant: Tenant) -> dict[str, float]:
        status, answer = post(
            "/v1/classify", tenant.key, {"model": tenant.models[0], "input": text}
        )
        if status != 200:
            raise RuntimeError(f"{status}: {answer}")
        scores: dict[str, float] = answer["data"][0]["scores"]
        return scores

    with ThreadPoolExecutor(WARMERS) as threads:
        answers = list(threads.map(ask, made))
    far = max(abs(one[name] - answers[0][name]) for one in answers for name in one)
    if far > SAME:
        raise RuntimeError(f"the same weights answer differently by {far}")
    return far
