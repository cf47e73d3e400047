"""Fixtures of the live tests: one installation for all, own ones for tests that break things."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.machine import Installation, InstallationMaker

WEBHOOKS_LOCAL = {"ANNEAL_WEBHOOK_HTTP": "1", "ANNEAL_WEBHOOK_NETWORKS": "127.0.0.0/8"}


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """The installation that all live tests share. Make your own organizations; flush nothing."""
    shared = Installation("--no-demo", settings=WEBHOOKS_LOCAL)
    try:
        yield shared.start()
    finally:
        shared.close()


@pytest.fixture
def own_installation() -> Iterator[InstallationMaker]:
    """Makes installations for a test that kills shared parts; not started, closed at its end."""
    made: list[Installation] = []

    def make(*options: str, **settings: Any) -> Installation:
        made.append(Installation("--no-demo", *options, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()
