"""A receiver on this machine, and the settings that let webhooks reach it."""

import ipaddress
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.unit.webhooks.receiver import Receiver, receiver_running


@pytest.fixture
def local_allowed(settings: Settings) -> None:
    """Plain http and this machine, as an operator may allow them."""
    settings.ANNEAL_WEBHOOK_HTTP = True
    settings.ANNEAL_WEBHOOK_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver(local_allowed: None) -> Iterator[Receiver]:
    """A server that webhooks may be sent to."""
    with receiver_running() as made:
        yield made
