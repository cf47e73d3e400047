"""The tasks the engine can train. A task is one module here with a constant `TASK`.

The registry finds modules by itself, so that adding a task touches no other file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.tasks.base import Task


def _discover() -> Mapping[str, Task]:
    found: dict[str, Task] = {}
    for info in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        task = getattr(importlib.import_module(info.name), "TASK", None)
        if task is not None:
            found[task.name] = task
    return MappingProxyType(found)


TASKS: Mapping[str, Task] = _discover()


def task_named(name: str) -> Task:
    """The task of that name; EngineError(invalid_config) lists the names there are."""
    task = TASKS.get(name)
    if task is None:
        raise EngineError(
            ErrorCode.INVALID_CONFIG,
            f"There is no task {name!r}. Choose one of: {', '.join(sorted(TASKS))}.",
        )
    return task
