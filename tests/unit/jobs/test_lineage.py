"""What a finished job writes down of how its model came to be."""

import importlib.metadata
import json
import shutil
from pathlib import Path

import pytest

from anneal.kernel.scopes import OrganizationRef
from mlworker.catalog.selectors import SHIPPED
from mlworker.engine.artifact_manifest import read_manifest
from mlworker.engine.contracts import DoneMessage, PlanMessage
from mlworker.jobs.limits import TRAIN_THREADS
from mlworker.jobs.supervisor.finish import outcome_store
from mlworker.jobs.supervisor.progress import Progress
from mlworker.jobs.working import News, work_load
from mlworker.registry.contracts import Lineage
from tests.unit.jobs.factories import claimed, make_job

pytestmark = pytest.mark.django_db

CONFIG = {"tier": "head", "seed": 7, "head_block": 4}
DONE = DoneMessage("artifact", "m", {"test": {"accuracy": 0.9}}, 90, 100, 9, 10, 1.0, True, 3.5, 8)


def _lineage(organization: OrganizationRef, folder: Path, device: str) -> Lineage:
    make_job(organization)
    work = work_load(claimed())
    progress = Progress(work)
    progress.plan(PlanMessage(10, 1, 3, 100, 100, CONFIG, device), News())
    shutil.copytree(SHIPPED / "sentiment-en", folder / "artifact")
    for number, split in enumerate(("train", "validation", "test")):
        (folder / f"{split}.jsonl").write_text(json.dumps({"row_id": number}) + "\n")
    return outcome_store(work, folder, DONE, progress).lineage


def test_a_lineage_names_settings_code_libraries_machine_time_and_base(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    found = _lineage(organization, tmp_path, "cpu")

    assert (found.seed, found.config, found.seconds) == (7, CONFIG, 3.5)
    assert found.dataset_version.startswith("dsv_")
    assert len(found.dataset_hash) == len(found.split_hash) == 64
    assert found.base_sha256 == read_manifest(tmp_path / "artifact").base_sha256
    assert found.code_version.startswith(importlib.metadata.version("anneal"))
    assert found.libraries["torch"] == importlib.metadata.version("torch")
    assert found.hardware.endswith(f"{TRAIN_THREADS} threads")
    assert "cpu;" not in found.hardware
    assert (found.trained_tokens, found.price["trained_tokens"]) == (90, 90)


def test_the_machine_is_named_by_the_accelerator_that_trained(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    assert _lineage(organization, tmp_path, "NVIDIA H200").hardware.startswith("NVIDIA H200; ")
