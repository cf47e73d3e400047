"""An installation for all tests whose parts are killed: it has to come back."""

from collections.abc import Iterator

import pytest

from tests.live.conftest import WEBHOOKS_LOCAL
from tests.live.machine import Installation
from tests.live.serving import Customer, serving

BATCHES = {"ANNEAL_BATCH_LEASE_SECONDS": "6", "ANNEAL_BATCH_CHUNK_TOKENS": "4000"}


@pytest.fixture(scope="package")
def broken() -> Iterator[Installation]:
    """Started once for this folder. Every test leaves it whole."""
    own = Installation("--no-demo", settings=WEBHOOKS_LOCAL | BATCHES)
    try:
        yield own.start()
    finally:
        own.close()


@pytest.fixture
def customer(broken: Installation) -> Iterator[Customer]:
    with serving(broken) as made:
        yield made
