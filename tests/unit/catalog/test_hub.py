"""A base is fetched from the hub by the hub's own client, over HTTP."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlworker.catalog import selectors
from mlworker.engine.base.locate import REQUIRED_FILES
from tests.unit.catalog.hub import Hub, hub_of

BASE = "roberta-base"


@pytest.fixture
def hub(source: Path, bases: Path) -> Iterator[Hub]:
    """The hub, with the files that a repository has beside those that are used."""
    (source / "README.md").write_text("A card.")
    (source / "pytorch_model.bin").write_bytes(b"pickled")
    (source / "modeling_own.py").write_text("raise SystemExit")
    with hub_of(selectors.base_model_get(BASE).source.name, source) as hub:
        yield hub


def _base_add(hub: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command; the client reads the hub's address when it is loaded."""
    return subprocess.run(
        [sys.executable, "-m", "django", "base_add", BASE],
        env=os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_base_comes_from_the_hub_with_the_files_that_are_used_alone(
    hub: Hub, bases: Path, tmp_path: Path
) -> None:
    assert not selectors.base_model_get(BASE).present
    done = _base_add(hub.url, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "roberta-base is ready in" in done.stdout
    assert sorted(hub.fetched) == sorted(REQUIRED_FILES)
    assert selectors.base_model_get(BASE).usable
    weights = bases / BASE / "model.safetensors"
    assert weights.read_bytes() == (hub.folder / "model.safetensors").read_bytes()


def _refuse(hub: Hub) -> None:
    hub.refuses = 403


def _break_off(hub: Hub) -> None:
    hub.breaks_off = "model.safetensors"


def _without_weights(hub: Hub) -> None:
    (hub.folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_refuse, "could not be downloaded"),
        (_break_off, "could not be downloaded"),
        (_without_weights, "save_pretrained"),
    ],
)
def test_a_hub_that_does_not_give_the_base_is_said_and_nothing_is_left(
    hub: Hub, bases: Path, tmp_path: Path, spoil: Callable[[Hub], None], said: str
) -> None:
    spoil(hub)
    done = _base_add(hub.url, tmp_path / "home")
    assert done.returncode == 1
    assert said in done.stderr
    assert "--from" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(bases.glob("*"))
