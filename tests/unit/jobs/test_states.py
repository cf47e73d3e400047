"""The state machine, alone."""

import pytest

from mlworker.jobs.states import OPEN, TERMINAL, TRANSITIONS, JobState, may_become


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(JobState)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_an_ended_job_stays_ended(state: JobState) -> None:
    assert not any(may_become(state, other) for other in JobState)


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_job_can_be_cancelled_and_can_fail(state: JobState) -> None:
    assert may_become(state, JobState.CANCELLED)
    assert may_become(state, JobState.FAILED)


def test_only_a_running_job_succeeds() -> None:
    assert [s for s in JobState if may_become(s, JobState.SUCCEEDED)] == [JobState.RUNNING]


def test_only_a_queued_job_starts_running() -> None:
    assert [s for s in JobState if may_become(s, JobState.RUNNING)] == [JobState.QUEUED]
