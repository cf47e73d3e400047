"""Figures that a gateway gathers: written together, kept while the database is away, bounded."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.serving.gateway import tallies as module
from mlworker.serving.gateway.tallies import Tallied, Tallies
from mlworker.serving.models import Side
from mlworker.serving.tallying import Tally, TallyKey

FIRST, SECOND = (OrganizationRef(uuid7(), slug) for slug in ("acme", "rival"))
KEY = TallyKey(uuid7(), 1, Side.MAIN, "m")


class Books:
    """A database by script: away while `away`, else it takes everything."""

    def __init__(self) -> None:
        self.away = True
        self.written: list[Tallied] = []

    def write(self, counted: Tallied) -> Tallied:
        if self.away:
            return counted
        self.written.append(counted)
        return {}


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    made = Books()
    monkeypatch.setattr(module, "_write", made.write)
    return made


def with_tallies(story: Callable[[Tallies], Awaitable[None]]) -> None:
    async def play() -> None:
        tallies = Tallies()
        await story(tallies)
        await tallies.close()

    asyncio.run(play())


def test_what_could_not_be_written_is_written_with_what_came_since(books: Books) -> None:
    async def story(tallies: Tallies) -> None:
        tallies.of(FIRST, KEY).calls += 1
        await tallies.flush()
        tallies.of(FIRST, KEY).calls += 2
        tallies.of(SECOND, KEY).calls += 4
        books.away = False
        await tallies.flush()
        await tallies.flush()
        [counted] = books.written
        assert counted == {FIRST: {KEY: Tally(calls=3)}, SECOND: {KEY: Tally(calls=4)}}

    with_tallies(story)


def test_the_last_figures_are_written_at_the_end(books: Books) -> None:
    async def story(tallies: Tallies) -> None:
        books.away = False
        tallies.of(FIRST, KEY).calls += 1

    with_tallies(story)

    assert books.written == [{FIRST: {KEY: Tally(calls=1)}}]


def test_without_a_database_no_more_are_kept_than_fit(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TALLIES_KEPT", 3)

    async def story(tallies: Tallies) -> None:
        for number in range(5):
            tallies.of(OrganizationRef(uuid7(), f"o{number}"), KEY).calls += 1
        await tallies.flush()
        books.away = False
        await tallies.flush()
        assert sum(map(len, books.written[0].values())) == 3

    with_tallies(story)
