"""The scheduler's rounds: page after page, each once, and a fault is its own."""

from uuid import UUID

import pytest

from anneal.kernel.rounds import Due, due_each
from anneal.kernel.scopes import OrganizationRef, Scope, current_scope

pytestmark = pytest.mark.django_db

ALL = [Due(UUID(int=n), OrganizationRef(UUID(int=100 + n), f"org-{n}")) for n in range(1, 6)]


def pairs(*, after: UUID) -> list[Due]:
    """Two at a time of what is behind an id."""
    scope = current_scope()
    assert scope is not None
    assert (scope.organization, scope.reason) == (None, "test.round")
    return [each for each in ALL if each.id > after][:2]


def test_all_that_is_due_is_done_once_and_outside_of_scopes() -> None:
    done: list[tuple[Due, Scope | None]] = []

    def work(due: Due) -> None:
        done.append((due, current_scope()))

    due_each(reason="test.round", due=pairs, work=work)

    assert done == [(each, None) for each in ALL]


def test_one_that_fails_is_told_of_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    done: list[Due] = []

    def work(due: Due) -> None:
        done.append(due)
        if due.id == ALL[1].id:
            raise RuntimeError("broken")

    due_each(reason="test.round", due=pairs, work=work)

    assert done == ALL
    (record,) = caplog.records
    assert record.message == "test.round failed"
    assert record.__dict__["organization"] == str(ALL[1].organization.id)
