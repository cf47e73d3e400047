"""What `model` stands for: looked up in a few threads, which organizations share."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.serving.gateway import models
from mlworker.serving.gateway.models import Beginning, ModelDirectory, Target
from tests.unit.serving.test_shadows import choice

CROWD, CALM = (OrganizationRef(uuid7(), slug) for slug in ("crowd", "calm"))
TARGET = Target("m", None, choice("m"), None, 0)
BEGINNING = Beginning(digest="d", random=bytes(16), items=1)


class Looks:
    """Look-ups by script: those of the crowd take until they are let go."""

    def __init__(self) -> None:
        self.go, self.calls = threading.Event(), 0

    def __call__(self, organization: OrganizationRef, _: Any) -> Target:
        self.calls += 1
        if organization == CROWD:
            self.go.wait(5)
        return TARGET


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    made = Looks()
    monkeypatch.setattr(models, "_unit", made)
    yield made
    made.go.set()


def test_names_that_one_organization_asks_for_keep_nobody_elses_waiting(looks: Looks) -> None:
    async def play() -> None:
        directory = ModelDirectory()
        crowd = [asyncio.create_task(directory.target(CROWD, f"n{each}")) for each in range(20)]
        crowd += [
            asyncio.create_task(directory.pinned(CROWD, f"n{each}", BEGINNING)) for each in range(9)
        ]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            assert await directory.target(CALM, "m") is TARGET
            assert await directory.pinned(CALM, "m", BEGINNING) is TARGET
        assert not any(task.done() for task in crowd)
        looks.go.set()
        assert set(await asyncio.gather(*crowd)) == {TARGET}
        assert (len(directory._turns), len(directory._pins)) == (0, 0)
        directory.close()

    asyncio.run(play())


def test_calls_that_ask_for_the_same_name_at_once_share_a_look(looks: Looks) -> None:
    async def play() -> None:
        directory = ModelDirectory()
        looks.go.set()
        found = await asyncio.gather(*(directory.target(CROWD, "m") for _ in range(50)))
        assert set(found) == {TARGET}
        assert looks.calls <= models.LOOKS
        directory.close()

    asyncio.run(play())
