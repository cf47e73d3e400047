"""Model versions for tests, made as a finished job makes them."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_put, tenant_key
from mlworker.registry.contracts import Lineage, ModelVersionInfo, NewModelVersion
from mlworker.registry.services import model_version_register

LINEAGE = Lineage(
    dataset_version="dsv_0000000000000000000000000a",
    dataset_hash="ab" * 32,
    splits={"train": 80, "validation": 10, "test": 10},
    seed=7,
    config={"epochs": 3},
    code_version="0.1.0",
    libraries={"torch": "2"},
    hardware="a test",
    seconds=1.5,
    trained_tokens=900,
)


def new_version(
    owner: OrganizationRef, *, suffix: str = "reviews", job_id: UUID | None = None
) -> NewModelVersion:
    """Return what a job would hand over, its bytes stored."""
    job = job_id or uuid7()
    stored = object_put(tenant_key(owner, "jobs", job.hex, "model.tar"), b"weights")
    return NewModelVersion(
        base="minilm-l6",
        tier="head",
        task="text_classification",
        labels=("negative", "positive"),
        suffix=suffix,
        job_id=job,
        dataset_version_id=uuid7(),
        max_length=128,
        metrics={"test": {"accuracy": 0.91, "macro_f1": 0.9, "rows": 10}},
        artifact_key=stored.key,
        artifact_sha256=stored.sha256,
        artifact_bytes=stored.size,
    )


def make_model_version(
    owner: OrganizationRef, *, suffix: str = "reviews", job_id: UUID | None = None, **fields: Any
) -> ModelVersionInfo:
    """Register a version; ``fields`` are what is not as usual of it."""
    with tenant_scope(owner):
        return model_version_register(
            organization=owner,
            version=replace(new_version(owner, suffix=suffix, job_id=job_id), **fields),
            lineage=LINEAGE,
        )
