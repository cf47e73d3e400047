"""Organizations with models of their own, made as a finished training makes them."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, Actor, KeyScope, Principal, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import StoredObject, object_put, tenant_key
from benchmarks import django_ready  # noqa: F401 # before what has models
from benchmarks.shipped import shipped_folder
from billing.ledger.contracts import PREDICTION
from billing.ledger.services import balance_grant_set
from mlworker.engine.artifact_manifest import pack, read_manifest
from mlworker.registry.contracts import Lineage, NewModelVersion
from mlworker.registry.services import model_version_register
from tenants.accounts.contracts import UserInfo
from tenants.accounts.services import (
    organization_create,
    organization_draft,
    user_create_verified,
)
from tenants.keys.services import api_key_create

CREDIT = 100_000_000


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization, its key, and the names of its models."""

    organization: OrganizationRef
    key: str
    models: tuple[str, ...]


def tenants_make(count: int) -> list[Tenant]:
    """Make tenants with a model each. All are the shipped one's weights, under their own names.

    An engine knows a model by its version, so each takes a slot of its own and nothing is shared
    but a file on disk. One owner has them all: making a password takes longer than all the rest.
    """
    owner = _owner()
    made: list[Tenant] = []
    stored: StoredObject | None = None
    for _ in range(count):
        organization = organization_draft("Bench")
        with tenant_scope(organization):
            key = _furnish(organization, owner)
            stored = stored or _stored(organization, pack(shipped_folder()))
            made.append(Tenant(organization, key, (_register(organization, stored),)))
    return made


def tenant_with_cold_models(count: int) -> Tenant:
    """Make a tenant whose models differ in the last digits: each has to be fetched by itself."""
    organization, owner = organization_draft("Bench"), _owner()
    with tenant_scope(organization):
        key = _furnish(organization, owner)
        stored = [_stored(organization, data) for data in _variants(count)]
        names = tuple(_register(organization, each) for each in stored)
    return Tenant(organization, key, names)


def _owner() -> UserInfo:
    organization = organization_draft("Bench")
    with tenant_scope(organization):
        return user_create_verified(
            email=f"bench-{uuid4().hex[:8]}@example.com", password=uuid4().hex
        )


def _furnish(organization: OrganizationRef, owner: UserInfo) -> str:
    organization_create(
        organization=organization, actor=SYSTEM_ACTOR, name="Bench", owner_id=owner.id
    )
    balance_grant_set(organization=organization, unit=PREDICTION, amount=Decimal(CREDIT))
    actor = Actor(kind="user", id=owner.id, label=owner.email)
    made = api_key_create(
        organization=organization,
        principal=Principal(organization=organization, actor=actor, role=Role.OWNER),
        name="bench",
        scopes=frozenset({KeyScope.ADMIN}),
    )
    return made.secret


def _stored(organization: OrganizationRef, data: bytes) -> StoredObject:
    return object_put(tenant_key(organization, "jobs", uuid7().hex, "model.tar"), data)


def _register(organization: OrganizationRef, stored: StoredObject) -> str:
    manifest = read_manifest(shipped_folder())
    version = NewModelVersion(
        base=manifest.base_id,
        tier=manifest.tier,
        task=manifest.task,
        labels=manifest.labels,
        suffix="bench",
        job_id=uuid7(),
        dataset_version_id=uuid7(),
        max_length=manifest.max_length,
        metrics=manifest.metrics,
        artifact_key=stored.key,
        artifact_sha256=stored.sha256,
        artifact_bytes=stored.size,
    )
    lineage = Lineage(
        dataset_version="dsv_0000000000000000000000000a",
        dataset_hash="ab" * 32,
        splits={},
        seed=0,
        config={},
        code_version="",
        libraries={},
        hardware="a benchmark",
        seconds=0.0,
        trained_tokens=0,
    )
    made = model_version_register(organization=organization, version=version, lineage=lineage)
    return made.name


def _variants(count: int) -> Iterator[bytes]:
    from mlworker.engine.artifact import load_artifact, save_artifact  # noqa: PLC0415 # torch

    artifact = load_artifact(shipped_folder())
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(count):
            tensors = dict(artifact.tensors)
            tensors["head.bias"] = tensors["head.bias"] + 1e-6 * (number + 1)
            folder = Path(scratch) / str(number)
            save_artifact(folder, replace(artifact.manifest, config={}), tensors)
            yield pack(folder)
