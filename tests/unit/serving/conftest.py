"""Two models of one task and a deployment of the first; an engine's loop on the real base."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from mlworker.engine.base.locate import locate_base
from mlworker.engine.inference import Resident
from mlworker.serving.protocol import reply_key, waiting_key
from mlworker.serving.worker import line
from tests.unit.registry.factories import make_model_version
from tests.unit.serving.factories import create
from tests.unit.serving.machine import BASE, Machine


@pytest.fixture(autouse=True)
def engines_see_at_once_that_they_are_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "BLOCK_SECONDS", 0.05)


@pytest.fixture
def first(organization: OrganizationRef) -> str:
    return make_model_version(organization, suffix="first").name


@pytest.fixture
def second(organization: OrganizationRef) -> str:
    return make_model_version(organization, suffix="second").name


@pytest.fixture
def deployment(client_api: APIClient, first: str) -> str:
    return str(create(client_api, model=first).json()["id"])


@pytest.fixture(scope="module")
def resident() -> Any:
    torch.set_num_threads(1)
    return Resident.open(locate_base(BASE), slots=4)


@pytest.fixture
def machine(resident: Any, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(resident, tmp_path)
    yield made
    made.stop()
    made.redis.delete(waiting_key(made.queue), reply_key(made.gateway))


@pytest.fixture
def held_load(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Weights that are read when the test says so."""
    read, load = threading.Event(), machine.adapters._table._loader

    def loader(version: str) -> Any:
        assert read.wait(20)
        return load(version)

    monkeypatch.setattr(machine.adapters._table, "_loader", loader)
    yield read
    read.set()
