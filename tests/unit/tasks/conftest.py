"""One run of each task and tier on a tiny base, shared by the tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import DoneMessage
from tests.unit.engine.conftest import minilm, one_thread, tiny
from tests.unit.tasks.runs import NEW_TASKS, trained

__all__ = ["minilm", "one_thread", "tiny"]
TIERS = ("head", "lora", "full")


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    task: str
    tier: str
    folder: Path
    done: DoneMessage


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, tiny: BaseDirectory
) -> dict[tuple[str, str], Finished]:
    """Every new task in every tier."""
    found = {}
    for task in NEW_TASKS:
        for tier in TIERS:
            folder = tmp_path_factory.mktemp(f"{task}-{tier}")
            found[task, tier] = Finished(task, tier, folder, trained(folder, tiny, task, tier))
    return found
