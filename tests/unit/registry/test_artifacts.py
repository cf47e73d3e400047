"""Artifacts on disk: verified, unpacked once, and shared by name of their bytes."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anneal.kernel.ids import uuid7
from anneal.kernel.storage import StoredObject, object_delete, object_put
from mlworker.catalog.selectors import SHIPPED
from mlworker.engine.artifact_manifest import pack
from mlworker.engine.contracts import EngineError
from mlworker.registry.artifacts import KEPT_SECONDS, artifact_fetch, artifacts_forget
from mlworker.registry.errors import ArtifactCorrupt, ModelNotFound


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"\0" * 64)
    (folder / "manifest.json").write_text(json.dumps({"format": 1}))
    return folder


@pytest.fixture
def stored(artifact: Path) -> Iterator[StoredObject]:
    kept = object_put(f"organizations/{uuid7()}.tar", pack(artifact))
    yield kept
    object_delete(kept.key)


def test_a_stored_artifact_is_unpacked_once(
    artifact: Path, stored: StoredObject, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    folder = artifact_fetch(key=stored.key, sha256=stored.sha256, directory=cache)
    object_delete(stored.key)
    assert artifact_fetch(key=stored.key, sha256=stored.sha256, directory=cache) == folder
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names == {path.name for path in artifact.iterdir()}
    assert [path.name for path in cache.iterdir()] == [stored.sha256]


def test_what_nobody_asked_for_lately_leaves_the_disk_and_can_be_had_again(
    stored: StoredObject, tmp_path: Path
) -> None:
    cache, now = tmp_path / "cache", time.time()
    folder = artifact_fetch(key=stored.key, sha256=stored.sha256, directory=cache)
    killed, other = cache / ".fetch-killed", cache / ("1" * 64)
    for each in (killed, other):
        each.mkdir()
    for each in (folder, killed):
        os.utime(each, (now, now - KEPT_SECONDS - 60))
    artifact_fetch(key=stored.key, sha256=stored.sha256, directory=cache)

    artifacts_forget(cache)
    assert {path.name for path in cache.iterdir()} == {folder.name, other.name}

    os.utime(folder, (now, now - KEPT_SECONDS - 60))
    artifacts_forget(cache)
    assert {path.name for path in cache.iterdir()} == {other.name}
    assert artifact_fetch(key=stored.key, sha256=stored.sha256, directory=cache) == folder


def test_an_engine_that_never_loaded_anything_has_nothing_to_forget(tmp_path: Path) -> None:
    artifacts_forget(tmp_path / "never")


def test_changed_bytes_are_refused_and_leave_nothing(stored: StoredObject, tmp_path: Path) -> None:
    object_put(stored.key, b"something else")
    with pytest.raises(ArtifactCorrupt):
        artifact_fetch(key=stored.key, sha256=stored.sha256, directory=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_bytes_that_are_no_artifact_leave_nothing(tmp_path: Path) -> None:
    kept = object_put(f"organizations/{uuid7()}.tar", b"not a tar")
    with pytest.raises(EngineError):
        artifact_fetch(key=kept.key, sha256=kept.sha256, directory=tmp_path / "cache")
    object_delete(kept.key)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_unknown_shipped_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        artifact_fetch(key="shipped:nothing", sha256="", directory=tmp_path)


@pytest.mark.parametrize("manifest", sorted(SHIPPED.glob("*/manifest.json")))
def test_a_shipped_model_is_served_from_its_own_folder(manifest: Path, tmp_path: Path) -> None:
    name = manifest.parent.name
    assert artifact_fetch(key=f"shipped:{name}", sha256="", directory=tmp_path) == manifest.parent
