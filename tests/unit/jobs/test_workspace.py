"""The claim's folder, the bundles of checkpoints, the thread budget."""

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_delete, object_put
from mlworker.jobs.contracts import Claim
from mlworker.jobs.limits import TRAIN_THREADS
from mlworker.jobs.supervisor.budget import ACTIVITY_KEY, thread_budget
from mlworker.jobs.supervisor.bundles import BundleCorrupt, bundle_fetch, bundle_store
from mlworker.jobs.supervisor.workspace import Workspace, rows_write, sweep
from mlworker.jobs.working import work_load
from tenants.datasets.services import dataset_create
from tests.unit.jobs.factories import claimed, make_job

CLAIM = Claim(uuid7(), OrganizationRef(uuid7(), "acme"), 1, 1)


@pytest.fixture
def home(tmp_path: Path, settings: LazySettings) -> Path:
    settings.ANNEAL_HOME = tmp_path
    return tmp_path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "state.safetensors").write_bytes(b"\0" * 4096)
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.fixture
def key() -> Iterator[str]:
    name = f"organizations/{uuid7()}.tar"
    yield name
    object_delete(name)


def test_a_claims_folder_is_private_and_gone_afterwards(home: Path) -> None:
    with Workspace(CLAIM) as place:
        assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
        assert place.folder.is_relative_to(home)
    assert not place.folder.exists()


def test_a_folder_of_a_dead_supervisor_is_swept_a_held_one_is_not(home: Path) -> None:
    with Workspace(CLAIM) as place:
        dead = place.folder.parent / "dead"
        dead.mkdir()
        (dead / ".lock").touch()
        sweep(place.folder.parent)
        assert place.folder.exists()
        assert not dead.exists()


@pytest.mark.django_db
def test_the_splits_are_written_as_the_trainer_reads_them(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    make_job(organization)
    work = work_load(claimed())
    rows_write(work, tmp_path)
    written = {
        split: [json.loads(line) for line in (tmp_path / f"{split}.jsonl").read_text().splitlines()]
        for split in ("train", "validation", "test")
    }
    assert {split: len(rows) for split, rows in written.items()} == dict(work.version.splits)
    assert written["train"][0].keys() == {"row_id", "text", "label"}
    ids = [row["row_id"] for rows in written.values() for row in rows]
    assert len(set(ids)) == work.version.rows


@pytest.mark.django_db
def test_further_columns_go_with_the_test_rows_alone(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    rows = "".join(f"text {n},{'xy'[n % 2]},{n if n % 5 else ''}\n" for n in range(60))
    with tenant_scope(organization):
        dataset = dataset_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            name="wide",
            source=io.BytesIO(f"text,label,source\n{rows}".encode()),
            filename="wide.csv",
        )
    make_job(organization, training_file=dataset.public_id)
    rows_write(work_load(claimed()), tmp_path)
    written = {
        split: [json.loads(line) for line in (tmp_path / f"{split}.jsonl").read_text().splitlines()]
        for split in ("train", "validation", "test")
    }
    test = written.pop("test")
    assert {tuple(row) for rows in written.values() for row in rows} == {
        ("row_id", "text", "label")
    }
    told = [
        {"source": number} if int(number) % 5 else {}
        for number in (row["text"].removeprefix("text ") for row in test)
    ]
    assert [row["meta"] for row in test] == told


def test_a_bundle_comes_back_as_it_went(checkpoint: Path, key: str, tmp_path: Path) -> None:
    stored = bundle_store(checkpoint, key)
    bundle_fetch(key, stored.sha256, tmp_path / "back")
    back = {path.name: path.read_bytes() for path in (tmp_path / "back").iterdir()}
    assert back == {path.name: path.read_bytes() for path in checkpoint.iterdir()}


def test_changed_bytes_are_refused(checkpoint: Path, key: str, tmp_path: Path) -> None:
    stored = bundle_store(checkpoint, key)
    object_put(key, b"other bytes")
    with pytest.raises(BundleCorrupt):
        bundle_fetch(key, stored.sha256, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_missing_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt):
        bundle_fetch("tests/never-stored.tar", "0" * 64, tmp_path / "back")


@pytest.fixture
def quiet() -> Iterator[None]:
    redis_client().delete(ACTIVITY_KEY)
    yield
    redis_client().delete(ACTIVITY_KEY)


@pytest.mark.usefixtures("quiet")
def test_all_cores_train_while_nobody_is_served() -> None:
    assert (thread_budget().n, thread_budget().polite) == (TRAIN_THREADS, False)


@pytest.mark.usefixtures("quiet")
def test_one_core_is_left_while_somebody_is_served() -> None:
    redis_client().set(ACTIVITY_KEY, 1, ex=5)
    assert (thread_budget().n, thread_budget().polite) == (max(1, TRAIN_THREADS - 1), True)
