"""A worker whose machine fails its jobs takes the next one later and later."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs import stopping
from mlworker.jobs.supervisor import run
from mlworker.jobs.supervisor.run import Rests, work_next
from tests.unit.jobs.factories import make_job, row_of

pytestmark = pytest.mark.django_db
FIRST = 0.4


@pytest.fixture(autouse=True)
def _full_disk(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A file where the claims' folders have to go."""
    settings.ANNEAL_HOME = tmp_path
    (tmp_path / "work").write_text("in the way")
    monkeypatch.setattr(run, "_rests", Rests(FIRST))
    yield
    stopping._DRAINING.clear()


def _seconds_of_an_attempt() -> float:
    begun = time.monotonic()
    assert work_next()
    return time.monotonic() - begun


def test_attempts_that_the_machine_fails_are_further_and_further_apart(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization)
    first, second = _seconds_of_an_attempt(), _seconds_of_an_attempt()
    assert first >= FIRST
    assert second >= 2 * FIRST
    row = row_of(organization, job.id)
    assert (row.state, row.stalled_attempts) == ("queued", 2)


def test_a_worker_that_is_to_stop_does_not_rest(organization: OrganizationRef) -> None:
    make_job(organization)
    work_next()
    stopping.drain()
    begun = time.monotonic()
    run._rests.take()
    assert time.monotonic() - begun < FIRST
