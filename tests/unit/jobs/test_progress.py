"""What a job's metric events say beside the loss."""

from typing import Any

import pytest

from anneal.kernel.scopes import OrganizationRef
from mlworker.engine.contracts import MetricMessage, PlanMessage
from mlworker.jobs.states import EventKind
from mlworker.jobs.supervisor.progress import Progress
from mlworker.jobs.working import News, work_load
from tests.unit.jobs.factories import claimed, make_job

pytestmark = pytest.mark.django_db


SAMPLES = {"worst": [{"row": "4", "loss": 2.0}], "best": [{"row": "9", "loss": 0.1}]}


@pytest.fixture
def progress(organization: OrganizationRef) -> Progress:
    make_job(organization)
    return Progress(work_load(claimed()))


def measured(progress: Progress, step: int, tokens: int, seconds: float) -> dict[str, Any]:
    """Tell the progress of a measurement with a validation; return its event's data."""
    news = News()
    progress.metric(
        MetricMessage(
            step=step,
            steps_planned=10,
            epoch=0.5,
            train_loss=0.4,
            learning_rate=0.001,
            trained_tokens=tokens,
            rows_per_second=20.0,
            seconds=seconds,
            validation={"loss": 0.5},
            samples=SAMPLES,
        ),
        news,
    )
    [(kind, _, _, _, data)] = news.events
    assert kind is EventKind.METRIC
    return data


def test_an_event_tells_the_speed_since_the_one_before(progress: Progress) -> None:
    assert measured(progress, 1, 100, 1.0)["tokens_per_second"] == 100.0
    assert measured(progress, 2, 400, 2.0)["tokens_per_second"] == 300.0
    # nothing was read meanwhile: no speed, and certainly none of 0
    assert "tokens_per_second" not in measured(progress, 3, 400, 3.0)
    assert progress.as_dict()["tokens_per_second"] == pytest.approx(400 / 3, abs=0.1)


def test_an_event_tells_memory_rate_and_time_left(progress: Progress) -> None:
    progress.plan(PlanMessage(10, 1, 80, 1000, 1000, {}), News())
    progress.memory = 300_000_000
    data = measured(progress, 4, 400, 2.0)
    assert (data["memory_bytes"], data["learning_rate"]) == (300_000_000, 0.001)
    assert data["eta_seconds"] == 3.0


def test_an_event_of_an_evaluation_names_its_best_and_worst_rows(progress: Progress) -> None:
    assert measured(progress, 1, 100, 1.0)["samples"] == SAMPLES
