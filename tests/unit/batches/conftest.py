"""One resident base for the folder's tests, and an engine on it where a test asks for one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mlworker.engine.base.locate import locate_base
from mlworker.engine.inference import Resident
from mlworker.serving.worker import line
from tests.unit.batches.factories import BASE, Engine, engine_running


@pytest.fixture(scope="session")
def resident() -> Any:
    torch.set_num_threads(1)
    return Resident.open(locate_base(BASE), slots=4)


@pytest.fixture
def engine(resident: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    # It waits for calls while its model loads, and before it sees that it is to stop.
    monkeypatch.setattr(line, "BLOCK_SECONDS", 0.02)
    with engine_running(resident, tmp_path) as running:
        yield running


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let forty rows be five chunks."""
    monkeypatch.setattr("mlworker.batches.chunks.CHUNK_ITEMS", 8)
    monkeypatch.setattr("mlworker.batches.chunks.STRETCH_TEXTS", 8)
