"""An impatient installation for all tests whose trainings are killed: it has to come back."""

from collections.abc import Iterator

import pytest

from tests.live.conftest import WEBHOOKS_LOCAL
from tests.live.training import Customer, ImpatientInstallation


@pytest.fixture(scope="package")
def place() -> Iterator[ImpatientInstallation]:
    """Started once for this folder. Every test leaves it whole."""
    installation = ImpatientInstallation("--no-demo", settings=WEBHOOKS_LOCAL)
    try:
        yield installation.start()
    finally:
        installation.close()


@pytest.fixture
def customer(place: ImpatientInstallation) -> Customer:
    return Customer(place)
