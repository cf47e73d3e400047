"""Reading what evaluations during training named: best and worst rows, with their texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.jobs.contracts import JobInfo
from mlworker.jobs.models import FineTuningJob, JobEvent
from mlworker.jobs.states import EventKind
from tenants.datasets.selectors import dataset_texts


@dataclass(frozen=True, slots=True)
class Sample:
    """A validation row at one end of an evaluation."""

    row: int
    loss: float
    label: str | None
    """None, as the answer is, where the task speaks of tokens."""
    predicted: str | None
    text: str | None
    """None once the dataset has been deleted."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One evaluation."""

    step: int
    epoch: float
    part: str | None
    """Which part of a study was at work."""
    worst: tuple[Sample, ...]
    best: tuple[Sample, ...]


def evaluation_samples(
    *, organization: OrganizationRef, job: JobInfo, limit: int
) -> list[Evaluated]:
    """Return a job's last evaluations with their best and worst rows, the newest first."""
    require_scope(organization)
    found: list[dict[str, Any]] = [
        event.data
        for event in JobEvent.objects.filter(
            job_id=job.id, kind=EventKind.METRIC, data__has_key="samples"
        ).order_by("-seq")[:limit]
    ]
    texts = _texts(organization, job, found)
    return [
        Evaluated(
            step=data["step"],
            epoch=data["epoch"],
            part=data.get("part"),
            worst=_told(data, "worst", texts),
            best=_told(data, "best", texts),
        )
        for data in found
    ]


def _texts(
    organization: OrganizationRef, job: JobInfo, found: list[dict[str, Any]]
) -> Mapping[int, str]:
    """Texts of the rows, from the version whose rows validated."""
    rows = {
        int(sample["row"]) for data in found for end in data["samples"].values() for sample in end
    }
    versions = FineTuningJob.objects.filter(id=job.id).values_list(
        "validation_version_id", "dataset_version_id"
    )
    version = next((own for pair in versions for own in pair if own is not None), None)
    if version is None or not rows:
        return {}
    return dataset_texts(organization=organization, version_id=version, row_ids=rows) or {}


def _told(data: Mapping[str, Any], end: str, texts: Mapping[int, str]) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            row=int(sample["row"]),
            loss=sample["loss"],
            label=sample.get("label"),
            predicted=sample.get("predicted"),
            text=texts.get(int(sample["row"])),
        )
        for sample in data["samples"][end]
    )
