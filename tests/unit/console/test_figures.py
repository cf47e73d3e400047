"""What `/metrics` says, and what it says when a part is away."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text
from redis.exceptions import ConnectionError as RedisAway

from anneal.console import counting, figures

pytestmark = pytest.mark.django_db


def told(client: Client) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["content-type"].startswith("text/plain; version=0.0.4")
    return {
        f"{sample.name}{''.join(sorted(sample.labels.values()))}": sample.value
        for family in read_text(answer.content.decode())
        for sample in family.samples
    }


def test_jobs_holds_customers_and_the_outbox_are_told() -> None:
    found = told(Client())

    assert found["anneal_updatabase"] == found["anneal_upredis"] == 1
    for state in ("queued", "running", "paused", "validating_files"):
        assert found[f"anneal_jobs{state}"] >= 0
    assert {"anneal_holds_open", "anneal_organizations", "anneal_outbox_waiting"} <= set(found)


def test_a_scrape_that_asks_for_open_metrics_gets_it() -> None:
    answer = Client().get("/metrics", headers={"accept": "application/openmetrics-text;q=0.7"})

    assert answer["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    text = answer.content.decode()
    assert text.endswith("# EOF\n")
    assert {"anneal_up", "anneal_jobs"} <= {family.name for family in read_open(text)}


@pytest.mark.parametrize(
    ("part", "reader", "error", "missing", "left"),
    [
        ("redis", "queues_read", RedisAway("away"), "anneal_engines", "anneal_holds_open"),
        ("database", "system_scope", OperationalError("away"), "anneal_holds_open", ""),
    ],
)
def test_a_part_that_is_away_is_said_to_be_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    reader: str,
    error: Exception,
    missing: str,
    left: str,
) -> None:
    def away(*_: Any) -> None:
        raise error

    monkeypatch.setattr(figures, reader, away)

    found = told(Client())

    assert found[f"anneal_up{part}"] == 0
    assert missing not in found
    assert not left or left in found


def test_requests_are_counted_by_pattern_so_ids_make_no_series() -> None:
    counting.HTTP_REQUESTS.take()
    client = Client()
    for number in range(5):
        client.get(f"/v1/datasets/ds_{number}")
    client.get("/readyz")
    client.generic("BREW", "/readyz")

    counted = {
        tuple(field.split("\x1f")[2:]): n for field, n in counting.HTTP_REQUESTS.take().items()
    }

    assert counted["GET", "v1/datasets/<str:dataset_id>", "401"] == 5
    assert counted["GET", "readyz", "200"] == 1
    assert counted["other", "readyz", "405"] == 1
