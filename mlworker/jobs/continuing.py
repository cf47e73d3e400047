"""Continue from an own model version or checkpoint: what may begin with what, with warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.engine.contracts import CONTINUED_TIERS
from mlworker.engine.tasks import task_named
from mlworker.engine.training.config import AUTO
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, JOB_PREFIX, JobRequest, JobWarning
from mlworker.jobs.errors import ContinueFromNotFound, ContinueFromUnfit
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.states import OPEN, JobState, StoredKind, StoredState
from mlworker.jobs.warnings import labels_warning
from mlworker.registry.errors import ModelNotFound
from mlworker.registry.selectors import (
    model_version_get,
    model_version_keep,
    version_of_job,
)
from tenants.datasets.selectors import dataset_version_get

PARAM: Final = "continue_from"
_SHAPE: Final[Mapping[str, tuple[str, ...]]] = {
    "lora": ("lora_rank", "lora_alpha", "lora_targets", "frozen_layers"),
    "full": ("frozen_layers", "embeddings", "pooling"),
}
"""Settings that say which tensors there are: they are the parent's."""
_FORMER: Final[Mapping[str, object]] = {"pooling": "first"}
"""What they are in a parent that does not say: one that was imported, or made before them."""


@dataclass(frozen=True, slots=True)
class Parent:
    """What a job begins with."""

    reference: str
    base: str
    task: str
    tier: str
    labels: tuple[str, ...]
    """Names of its head's outputs."""
    config: Mapping[str, Any]
    is_checkpoint: bool
    key: str
    """Where its bytes are stored."""
    sha256: str
    name: str
    """For the lineage: the model, or the job and step of the checkpoint."""
    version_id: UUID | None = None
    """The version it is; None for a checkpoint."""
    job_id: UUID | None = None
    """The job whose checkpoint it is; None for a version."""


def parent_find(*, organization: OrganizationRef, reference: str) -> Parent:
    """Return what ``reference`` names: ``ft:...`` or ``ftckpt-...``. ContinueFromNotFound.

    It is kept until the scope closes, so nobody deletes it while the job is written down.
    """
    require_scope(organization)
    if reference.startswith(CHECKPOINT_PREFIX):
        return _checkpoint(organization, reference)
    try:
        version = model_version_get(organization=organization, name=reference)
        model_version_keep(organization=organization, version_id=version.id)
    except ModelNotFound as error:
        raise ContinueFromNotFound(param=PARAM) from error
    config = version.lineage.get("config")
    return Parent(
        reference=reference,
        base=version.base,
        task=version.task,
        tier=version.tier,
        labels=version.labels,
        config=config if isinstance(config, Mapping) else {},
        is_checkpoint=False,
        key=version.artifact_key,
        sha256=version.artifact_sha256,
        name=version.name,
        version_id=version.id,
    )


def parent_apply(request: JobRequest, parent: Parent) -> JobRequest:
    """Return the request with the parent's tier and shape. ContinueFromUnfit says what differs."""
    if parent.base != request.model:
        raise ContinueFromUnfit(
            f"'{parent.reference}' was trained from the base '{parent.base}': "
            f"send it as model, not '{request.model[:40]}'.",
            param="model",
        )
    if parent.tier not in CONTINUED_TIERS:
        raise ContinueFromUnfit(
            f"'{parent.reference}' is of tier {parent.tier}, which computes its answer anew each "
            "time: there is nothing to continue. Train it without continue_from.",
            param=PARAM,
        )
    if request.tier not in (AUTO, parent.tier):
        raise ContinueFromUnfit(
            f"'{parent.reference}' is of tier {parent.tier}: leave the tier out, or send that.",
            param="tier",
        )
    values = dict(request.hyperparameters)
    for name in _SHAPE[parent.tier]:
        wanted = parent.config.get(name, _FORMER.get(name))
        given = values.get(name)
        if wanted is None:
            continue
        if given not in (None, AUTO, wanted):
            raise ContinueFromUnfit(
                f"{name} is {wanted} in '{parent.reference}' and cannot change: leave it out.",
                param=f"hyperparameters.{name}",
            )
        values[name] = wanted
    return JobRequest(
        **{name: getattr(request, name) for name in JobRequest.__dataclass_fields__}
        | {"tier": parent.tier, "hyperparameters": values}
    )


def data_fit(parent: Parent, *, task: str, labels: Sequence[str]) -> list[JobWarning]:
    """Say which labels of a dataset the parent has not learned. Empty when it knows them all.

    ContinueFromUnfit when the dataset is of another task: the head of the one is of no use to the
    other, and what lies below it differs in shape.
    """
    if parent.task != task:
        raise ContinueFromUnfit(
            f"'{parent.reference}' does {parent.task}, and the data is for {task}: train on it "
            "without continue_from.",
            param="training_file",
        )
    labels = task_named(task).head_labels(labels)
    new = [label for label in labels if label not in parent.labels]
    return [labels_warning(parent.reference, new, len(labels))] if new else []


def checkpoint_is_models(metrics: Mapping[str, Any], *, studied: bool) -> bool:
    """Say whether a checkpoint holds the model: a fold, a trial or what lies between is none."""
    return not studied or metrics.get("part") == ""


def parent_version(parent: Parent | None) -> UUID | None:
    """Return the version that a finished job's own descends from, kept until the commit.

    For a checkpoint it is what its job left in the end, if it left one.
    """
    if parent is None:
        return None
    if parent.job_id is None:
        return parent.version_id
    return version_of_job(parent.job_id)


def checkpoints_needed(job_id: UUID) -> set[UUID]:
    """Return the checkpoints of a job that unfinished jobs are to begin with."""
    names = FineTuningJob.objects.filter(
        state__in=OPEN, continue_from__startswith=CHECKPOINT_PREFIX
    ).values_list("continue_from", flat=True)
    ids = {parse_id(CHECKPOINT_PREFIX, name) for name in names}
    mine = StoredFiles.objects.filter(id__in=ids, job_id=job_id)
    return set(mine.values_list("id", flat=True))


def model_is_needed(*, organization: OrganizationRef, name: str) -> bool:
    """Say whether an unfinished job is to begin with the model version."""
    require_scope(organization)
    return FineTuningJob.objects.filter(
        organization_id=organization.id, state__in=OPEN, continue_from=name
    ).exists()


def _checkpoint(organization: OrganizationRef, reference: str) -> Parent:
    stored_id = parse_id(CHECKPOINT_PREFIX, reference)
    with connection.cursor() as cursor:
        # Waits for who gives it up, and lets nobody begin to: many may keep it at a time.
        cursor.execute("SELECT 1 FROM jobs_storedfiles WHERE id = %s FOR KEY SHARE", [stored_id])
    row = (
        StoredFiles.objects.filter(id=stored_id, kind=StoredKind.CHECKPOINT)
        .select_related("job")
        .first()
    )
    if row is not None and row.job.state == JobState.FAILED:
        raise ContinueFromNotFound(
            f"'{reference}' is of a failed job: all it cost was given back, so none of its "
            "checkpoints can be continued from. Name one of another job, or leave it out.",
            param=PARAM,
        )
    if row is None or row.state != StoredState.READY or row.job.dataset_version_id is None:
        raise ContinueFromNotFound(param=PARAM)
    job = row.job
    if not checkpoint_is_models(row.metrics, studied=bool(job.cross_validation or job.search)):
        raise ContinueFromUnfit(
            f"'{reference}' is of a fold or a trial of its job, which were not to be kept, or from "
            "between them. Name a checkpoint of its last part, which trains the model, or leave "
            "it out.",
            param=PARAM,
        )
    version = dataset_version_get(organization=organization, version_id=row.job.dataset_version_id)
    return Parent(
        reference=reference,
        base=job.base,
        task=job.task,
        tier=job.tier,
        labels=task_named(job.task).head_labels(version.labels),
        config={**job.config, **((job.study.get("search") or {}).get("best") or {})},
        is_checkpoint=True,
        key=row.key,
        sha256=row.sha256,
        name=f"{public_id(JOB_PREFIX, job.id)}:step-{row.step}",
        job_id=job.id,
    )
