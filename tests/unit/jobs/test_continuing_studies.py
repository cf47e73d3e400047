"""Continue from a checkpoint of a job with folds or a search: the model's own, and no other."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.engine.contracts import CheckpointMessage, MetricMessage
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, Claim, JobInfo, StudyRequest
from mlworker.jobs.services import fine_tuning_job_cancel
from mlworker.jobs.supervisor.progress import Progress
from mlworker.jobs.working import News, news_write, work_load
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    claimed,
    create,
    job_path,
    make_dataset,
    make_job,
    save_checkpoint,
    token_balance,
)

pytestmark = pytest.mark.django_db

BEST = {"lora_rank": 16, "lora_alpha": 32.0, "dropout": 0.2}


@pytest.fixture
def client(organization: OrganizationRef) -> APIClient:
    return make_client(organization)


def _told(claim: Claim, *parts: str) -> dict[str, Any]:
    """What a supervisor keeps of a checkpoint after measurements of these parts of a study."""
    progress = Progress(work_load(claim))
    for part in parts:
        progress.metric(MetricMessage(5, 100, 0.5, 0.4, 0.001, 50, 20.0, 1.0, part=part), News())
    message = CheckpointMessage("checkpoints/step-5", 5, 0.5, 50, "m", 1)
    return progress.checkpoint_metrics(message)


def _cancelled(
    organization: OrganizationRef, study: StudyRequest, *parts: str
) -> tuple[JobInfo, str]:
    """A cancelled job of tier lora with a checkpoint of the last of these parts."""
    job = make_job(organization, tier="lora", study=study)
    claim = claimed()
    stored = save_checkpoint(claim, **{"step": 5, "tokens": 50, **_figures(_told(claim, *parts))})
    news_write(claim, News(study={"search": {"tried": [], "best": BEST}}))
    with tenant_scope(organization):
        fine_tuning_job_cancel(organization=organization, actor=SYSTEM_ACTOR, job_id=job.id)
    return job, public_id(CHECKPOINT_PREFIX, stored)


def _figures(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in ("step", "trained_tokens")}


@pytest.mark.parametrize(
    ("study", "parts"),
    [
        (StudyRequest(folds=3), ("fold 2/3",)),
        (StudyRequest(trials=8), ("trial 8/8", "run 2/2")),
        (StudyRequest(folds=3), ()),
    ],
)
def test_a_folds_or_a_trials_weights_are_no_model_to_continue_from(
    study: StudyRequest,
    parts: tuple[str, ...],
    organization: OrganizationRef,
    client: APIClient,
) -> None:
    job, checkpoint = _cancelled(organization, study, *parts)
    held = token_balance(organization).held

    body = {
        "model": "minilm-l6",
        "training_file": make_dataset(organization),
        "continue_from": checkpoint,
    }
    for path in ("/v1/fine_tuning/jobs/estimate", "/v1/fine_tuning/jobs"):
        refused = client.post(path, body, format="json")
        error = error_of(refused)
        assert (refused.status_code, error["code"]) == (400, "continue_from_unfit")
        assert error["param"] == "continue_from"
        assert "of a fold or a trial" in error["message"]
    assert token_balance(organization).held == held
    (kept,) = client.get(job_path(job.id, "/checkpoints")).json()["data"]
    assert (kept["id"], kept["continuable"]) == (checkpoint, False)


def test_the_models_own_checkpoint_has_the_shape_that_the_search_chose(
    organization: OrganizationRef, client: APIClient
) -> None:
    job, checkpoint = _cancelled(organization, StudyRequest(trials=8), "run 2/2", "")
    made = create(client, training_file=make_dataset(organization), continue_from=checkpoint)

    assert made.status_code == 200, made.content
    shown = made.json()["hyperparameters"]
    assert (shown["lora_rank"], shown["lora_alpha"]) == (16, 32.0)
    (kept,) = client.get(job_path(job.id, "/checkpoints")).json()["data"]
    assert kept["continuable"] is True


def test_a_checkpoint_of_a_job_without_a_study_can_be_continued(
    organization: OrganizationRef, client: APIClient
) -> None:
    job = make_job(organization, tier="lora")
    save_checkpoint(claimed(), step=5, tokens=50)
    (kept,) = client.get(job_path(job.id, "/checkpoints")).json()["data"]
    assert kept["continuable"] is True


def test_a_head_has_no_checkpoint_to_continue(
    organization: OrganizationRef, client: APIClient
) -> None:
    job = make_job(organization, tier="head", study=StudyRequest(folds=3))
    save_checkpoint(claimed(), step=5, tokens=50, part="")
    (kept,) = client.get(job_path(job.id, "/checkpoints")).json()["data"]
    assert kept["continuable"] is False
