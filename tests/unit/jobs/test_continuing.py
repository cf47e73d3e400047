"""Continue from an own model version or a checkpoint: whose, of what shape, with which labels."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_exists, object_put, tenant_key
from mlworker.engine.contracts import EngineError, TrainSpec
from mlworker.jobs.continuing import data_fit, parent_find
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, Fault, JobInfo
from mlworker.jobs.errors import ModelContinued
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.reaping import storage_sweep
from mlworker.jobs.services import fine_tuning_job_cancel
from mlworker.jobs.states import StoredState
from mlworker.jobs.supervisor.restore import parent_fetch
from mlworker.jobs.supervisor.run import claim_run
from mlworker.jobs.supervisor.workspace import INITIAL, spec_write
from mlworker.jobs.working import work_failed, work_load, work_succeeded
from mlworker.registry.contracts import ModelVersionInfo
from mlworker.registry.errors import ModelInUse
from mlworker.registry.models import ModelVersion
from mlworker.registry.selectors import model_version_get
from mlworker.registry.services import model_version_delete, model_version_register
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    claimed,
    create,
    job_path,
    make_dataset,
    make_job,
    make_outcome,
    row_of,
    save_checkpoint,
    token_balance,
)
from tests.unit.registry.factories import LINEAGE, new_version

pytestmark = pytest.mark.django_db

CONFIG = {"lora_rank": 4, "lora_alpha": 8.0, "lora_targets": "all", "frozen_layers": 0}


def _version(
    organization: OrganizationRef, config: dict[str, Any] = CONFIG, **fields: object
) -> ModelVersionInfo:
    """Register a version, of tier lora unless it is said."""
    with tenant_scope(organization):
        return model_version_register(
            organization=organization,
            version=replace(new_version(organization), **{"tier": "lora", **fields}),
            lineage=replace(LINEAGE, config=config),
        )


@pytest.fixture
def client(organization: OrganizationRef) -> APIClient:
    return make_client(organization)


def _trained(organization: OrganizationRef) -> tuple[JobInfo, str]:
    """Leave a cancelled job with a checkpoint; the checkpoint's id."""
    job = make_job(organization, tier="lora")
    stored = save_checkpoint(claimed(), step=5, tokens=50)
    with tenant_scope(organization):
        fine_tuning_job_cancel(organization=organization, actor=SYSTEM_ACTOR, job_id=job.id)
    return job, public_id(CHECKPOINT_PREFIX, stored)


def test_a_version_gives_its_tier_and_shape_and_becomes_the_parent(
    organization: OrganizationRef, client: APIClient
) -> None:
    parent = _version(organization)
    dataset = make_dataset(organization)

    job = create(client, training_file=dataset, seed=1, continue_from=parent.name).json()

    assert (job["tier"], job["continue_from"]) == ("lora", parent.name)
    assert job["hyperparameters"]["lora_rank"] == 4
    assert job["warnings"] == []
    work = work_load(claimed())
    assert work.parent is not None
    assert (work.parent.key, work.parent.labels) == (parent.artifact_key, parent.labels)


def test_the_lineage_of_a_continued_model_names_its_parent(organization: OrganizationRef) -> None:
    parent = _version(organization)
    child = replace(LINEAGE, parent=parent.name)
    with tenant_scope(organization):
        made = model_version_register(
            organization=organization, version=new_version(organization), lineage=child
        )
        found = model_version_get(organization=organization, name=made.name)
    assert found.lineage["parent"] == parent.name
    assert f"went on from: `{parent.name}`" in found.card


def test_a_cancelled_job_keeps_its_checkpoint_and_another_begins_there(
    organization: OrganizationRef, client: APIClient, tmp_path: Path
) -> None:
    job, checkpoint = _trained(organization)
    storage_sweep()
    kept = client.get(job_path(job.id, "/checkpoints")).json()["data"]
    assert [found["id"] for found in kept] == [checkpoint]
    dataset = make_dataset(organization)

    made = create(client, training_file=dataset, continue_from=checkpoint).json()

    assert made["continue_from"] == checkpoint
    work = work_load(claimed())
    assert work.parent is not None
    assert work.parent.name == f"{job.public_id}:step-5"
    spec_write(work, tmp_path, resume=None, threads=1, polite=False)
    initial = TrainSpec.read(tmp_path).initial
    assert initial is not None
    assert (initial.directory, initial.labels) == (INITIAL, work.version.labels)
    spec_write(work, tmp_path, resume="checkpoints/step-1", threads=1, polite=False)
    assert TrainSpec.read(tmp_path).initial is None


def test_a_version_that_began_at_a_checkpoint_descends_from_what_its_job_left(
    organization: OrganizationRef, client: APIClient
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    checkpoint = public_id(CHECKPOINT_PREFIX, save_checkpoint(claim, step=5, tokens=50))
    first = work_succeeded(work_load(claim), make_outcome(job, organization, 50))
    _, lone = _trained(organization)  # cancelled: it left a checkpoint and no version

    found = []
    for reference in (checkpoint, lone):
        child = make_job(organization, tier="auto", continue_from=reference)
        made = work_succeeded(work_load(claimed()), make_outcome(child, organization, 50))
        with tenant_scope(organization):
            found.append(ModelVersion.objects.get(id=made.id).parent_id)

    assert found == [first.id, None]
    refused = client.delete(f"/v1/models/{first.name}")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "model_in_use")


def test_a_failed_jobs_checkpoints_are_given_up_and_nothing_begins_with_them(
    organization: OrganizationRef, client: APIClient
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    stored_id = save_checkpoint(claim, step=5, tokens=50)
    checkpoint, key = public_id(CHECKPOINT_PREFIX, stored_id), _key(organization, stored_id)
    dataset = make_dataset(organization)
    waiting = create(client, training_file=dataset, continue_from=checkpoint).json()
    work_failed(claim, Fault("diverged", "The loss is not a number."))

    assert client.get(job_path(job.id, "/checkpoints")).json()["data"] == []
    assert token_balance(organization).consumed == 0
    refused = create(client, training_file=dataset, continue_from=checkpoint)
    assert (refused.status_code, error_of(refused)["code"]) == (404, "continue_from_not_found")
    assert "is of a failed job: all it cost was given back" in error_of(refused)["message"]
    claim_run(claimed())
    begun = client.get(f"/v1/fine_tuning/jobs/{waiting['id']}").json()
    assert (begun["status"], begun["error"]["code"]) == ("failed", "invalid_config")
    assert "is of a failed job" in begun["error"]["message"]
    storage_sweep()
    assert not object_exists(key)
    refused = create(client, training_file=dataset, continue_from=checkpoint)
    assert "A failed job keeps none." in error_of(refused)["message"]


def _key(organization: OrganizationRef, stored_id: UUID) -> str:
    with tenant_scope(organization):
        return StoredFiles.objects.get(id=stored_id).key


def test_a_checkpoint_that_is_waited_for_is_not_retired(organization: OrganizationRef) -> None:
    make_job(organization, tier="lora")
    claim = claimed()
    first = save_checkpoint(claim, step=1, tokens=10)
    make_job(organization, tier="auto", continue_from=public_id(CHECKPOINT_PREFIX, first))
    for step in (2, 3, 4):
        save_checkpoint(claim, step=step, tokens=10 * step)
    with tenant_scope(organization):
        ready = StoredFiles.objects.filter(state=StoredState.READY)
        assert sorted(ready.values_list("step", flat=True)) == [1, 3, 4]


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"frozen_layers": 1, "embeddings": "frozen", "pooling": "attention"}, "attention"),
        ({"frozen_layers": 1, "embeddings": "frozen"}, "first"),
        ({}, "first"),
    ],
)
def test_a_full_model_reads_what_its_parent_read(
    config: dict[str, Any], pooling: str, organization: OrganizationRef, client: APIClient
) -> None:
    parent = _version(organization, config, tier="full")
    dataset = make_dataset(organization)
    job = create(client, training_file=dataset, continue_from=parent.name)
    assert (job.status_code, job.json()["hyperparameters"]["pooling"]) == (200, pooling)
    other = {"first": "attention", "attention": "first"}[pooling]
    refused = create(
        client,
        training_file=dataset,
        continue_from=parent.name,
        hyperparameters={"pooling": other},
    )
    assert error_of(refused)["param"] == "hyperparameters.pooling"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tier": "full"}, "tier"),
        ({"tier": "head"}, "tier"),
        ({"hyperparameters": {"lora_rank": 16}}, "hyperparameters.lora_rank"),
    ],
)
def test_another_shape_is_refused_by_name(
    body: dict[str, object], param: str, organization: OrganizationRef, client: APIClient
) -> None:
    parent = _version(organization)
    dataset = make_dataset(organization)
    refused = create(client, training_file=dataset, continue_from=parent.name, **body)
    assert refused.status_code == 400
    assert error_of(refused) | {"message": ""} == {
        "message": "",
        "type": "invalid_request_error",
        "param": param,
        "code": "continue_from_unfit",
    }
    assert token_balance(organization).held == 0


def test_another_base_is_refused(organization: OrganizationRef, client: APIClient) -> None:
    parent = _version(organization, base="another")
    refused = create(client, training_file=make_dataset(organization), continue_from=parent.name)
    assert (refused.status_code, error_of(refused)["param"]) == (400, "model")


def test_a_model_of_tier_head_has_nothing_to_continue(
    organization: OrganizationRef, client: APIClient
) -> None:
    parent = _version(organization, tier="head")
    refused = create(client, training_file=make_dataset(organization), continue_from=parent.name)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "continue_from_unfit")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("positive", "negative"), []),
        (("negative", "positive", "other"), []),
        (("negative", "mixed"), [("labels_new", "does not know 'positive'")]),
        (("a", "b"), [("labels_all_new", "knows none of the labels")]),
    ],
)
def test_labels_that_are_new_are_told_before_and_after(
    labels: tuple[str, ...],
    said: list[tuple[str, str]],
    organization: OrganizationRef,
    client: APIClient,
) -> None:
    parent = _version(organization, labels=labels)
    body = {
        "model": "minilm-l6",
        "training_file": make_dataset(organization),
        "continue_from": parent.name,
    }
    estimate = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()
    job = client.post("/v1/fine_tuning/jobs", body, format="json").json()
    assert estimate["warnings"] == job["warnings"]
    assert [told["code"] for told in job["warnings"]] == [code for code, _ in said]
    assert all(
        text in told["message"] for told, (_, text) in zip(job["warnings"], said, strict=True)
    )


def test_a_strangers_and_an_unknown_parent_are_not_found(
    organization: OrganizationRef, other_organization: OrganizationRef, client: APIClient
) -> None:
    _, checkpoint = _trained(other_organization)
    theirs = _version(other_organization)
    dataset = make_dataset(organization)
    nobodys = public_id(CHECKPOINT_PREFIX, uuid7())
    answers = [
        create(client, training_file=dataset, continue_from=name)
        for name in (theirs.name, checkpoint, nobodys, "ft:nobody", "minilm-l6", "x\x00y")
    ]
    assert {answer.status_code for answer in answers} <= {400, 404}
    assert [error_of(answer)["code"] for answer in answers[:3]] == ["continue_from_not_found"] * 3


def test_a_model_that_a_job_begins_with_cannot_go(
    organization: OrganizationRef, client: APIClient
) -> None:
    parent = _version(organization)
    create(client, training_file=make_dataset(organization), continue_from=parent.name)
    with pytest.raises(ModelContinued), tenant_scope(organization):
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=parent.name)
    claim = claimed()
    job = row_of(organization, claim.job_id)
    with tenant_scope(organization):
        fine_tuning_job_cancel(organization=organization, actor=SYSTEM_ACTOR, job_id=job.id)
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=parent.name)


def test_weights_that_are_not_what_was_stored_are_named(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    job, checkpoint = _trained(organization)
    make_job(organization, tier="auto", continue_from=checkpoint)
    work = work_load(claimed())
    assert work.parent is not None
    object_put(work.parent.key, b"other bytes")
    with pytest.raises(EngineError, match="train without continue_from"):
        parent_fetch(replace(work.parent, sha256="0" * 64), tmp_path)
    missing = tenant_key(organization, "jobs", "nowhere.tar")
    with pytest.raises(EngineError, match=checkpoint):
        parent_fetch(replace(work.parent, key=missing), tmp_path / "else")
    del job


def test_a_continued_job_succeeds_like_any_other(organization: OrganizationRef) -> None:
    parent = _version(organization)
    job = make_job(organization, tier="auto", continue_from=parent.name)
    version = work_succeeded(work_load(claimed()), make_outcome(job, organization, 100))
    assert version.name != parent.name
    assert token_balance(organization).consumed == 100
    # Until then the job keeps the parent from being deleted, from here on its model does.
    with pytest.raises(ModelInUse, match=version.name), tenant_scope(organization):
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=parent.name)
    with tenant_scope(organization):
        for name in (version.name, parent.name):
            model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=name)


def test_a_model_of_another_task_is_refused_before_any_money(
    organization: OrganizationRef, client: APIClient
) -> None:
    parent = _version(organization, task="regression", labels=("value",))
    body = {
        "model": "minilm-l6",
        "training_file": make_dataset(organization),
        "continue_from": parent.name,
    }
    for path in ("/v1/fine_tuning/jobs/estimate", "/v1/fine_tuning/jobs"):
        refused = client.post(path, body, format="json")
        assert refused.status_code == 400
        assert error_of(refused)["code"] == "continue_from_unfit"
        assert error_of(refused)["param"] == "training_file"
        assert "does regression" in error_of(refused)["message"]
    assert token_balance(organization).held == 0


def test_the_labels_of_a_parent_are_those_of_its_head(organization: OrganizationRef) -> None:
    _, checkpoint = _trained(organization)
    with tenant_scope(organization):
        FineTuningJob.objects.update(task="token_classification")
        parent = parent_find(organization=organization, reference=checkpoint)
        assert parent.labels[:2] == ("O", "B-negative")
        labels = ("negative", "positive")
        assert data_fit(parent, task="token_classification", labels=labels) == []
        (told,) = data_fit(parent, task="token_classification", labels=("negative", "place"))
    assert "does not know 'B-place', 'I-place'" in told.message
