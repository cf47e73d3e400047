"""Loads beside the forward pass."""

import os
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from mlworker.serving.protocol import ModelSpec
from mlworker.serving.worker.adapters import Adapters
from tests.unit.serving.test_spare import BROKEN, Slow


class Weights:
    """What a loader reads."""


def test_a_load_that_failed_keeps_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident: Any = Slow()  # it has no slots: a load fails with the weights in hand
    adapters, failed = Adapters(resident, tmp_path), threading.Event()
    read: list[weakref.ref[Weights]] = []

    def loader(_: str) -> Weights:
        made = Weights()
        read.append(weakref.ref(made))
        return made

    def then(error: Exception | None) -> None:
        if isinstance(error, AttributeError):
            failed.set()

    monkeypatch.setattr(adapters._table, "_loader", loader)
    adapters.request(BROKEN, then)
    assert failed.wait(10)

    end = time.monotonic() + 5
    while read[0]() is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    adapters.close()


def test_an_engine_forgets_the_models_that_it_does_not_load_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident: Any = Slow()
    adapters, over = Adapters(resident, tmp_path), threading.Event()
    specs = [ModelSpec(f"v{n}", "head", f"gone-{n}", "0" * 64, 2) for n in range(20)]
    before = [sys.getrefcount(spec) for spec in specs]
    asked: list[str] = []
    monkeypatch.setattr(adapters._table, "_loader", lambda version: asked.append(version))

    for number in range(len(specs)):
        adapters.request(specs[number], lambda _: over.set() if len(asked) == len(specs) else None)
    assert over.wait(10)

    end = time.monotonic() + 5
    while [sys.getrefcount(spec) for spec in specs] != before or adapters._table._loading:
        assert time.monotonic() < end
        time.sleep(0.01)
    adapters.close()


def test_a_load_clears_the_disk_of_what_nobody_asked_for_lately(tmp_path: Path) -> None:
    resident: Any = Slow()
    old, over = tmp_path / ("1" * 64), threading.Event()
    old.mkdir()
    os.utime(old, (0, 0))
    adapters = Adapters(resident, tmp_path)

    adapters.request(BROKEN, lambda _: over.set())
    assert over.wait(10)
    adapters.close()

    assert not old.exists()
