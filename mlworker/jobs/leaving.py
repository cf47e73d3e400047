"""What a job that has succeeded leaves in the registry: its model, with what it came to cost."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mlworker.jobs.charging import job_price
from mlworker.jobs.continuing import parent_version
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.rows import owner_of
from mlworker.registry.contracts import ModelVersionInfo, NewEvaluation, NewModelVersion
from mlworker.registry.services import model_version_register

if TYPE_CHECKING:
    from mlworker.jobs.working import Outcome, StoredReport, Work


def model_leave(row: FineTuningJob, work: "Work", outcome: "Outcome") -> ModelVersionInfo:
    """Register the model of a locked job that has been charged; its bytes become the registry's."""
    price = {**outcome.lineage.price, **job_price(row)}
    version = model_version_register(
        organization=owner_of(row),
        version=NewModelVersion(
            base=row.base,
            tier=row.tier,
            task=row.task,
            labels=outcome.labels,
            suffix=row.suffix,
            job_id=row.id,
            dataset_version_id=work.version.id,
            max_length=outcome.max_length,
            metrics=outcome.metrics,
            artifact_key=outcome.stored.key,
            artifact_sha256=outcome.stored.sha256,
            artifact_bytes=outcome.stored.size,
            evaluation=_evaluation(outcome.evaluation),
            parent_id=parent_version(work.parent),
        ),
        lineage=replace(outcome.lineage, price=price),
    )
    handed = outcome.evaluation.stored_ids if outcome.evaluation else ()
    StoredFiles.objects.filter(id__in=[outcome.stored_id, *handed]).delete()
    return version


def _evaluation(report: "StoredReport | None") -> NewEvaluation:
    if report is None:
        return NewEvaluation()
    return NewEvaluation(
        report_key=report.report.key,
        predictions_key=report.predictions.key,
        evaluation_bytes=report.report.size + report.predictions.size,
        evaluation_version_id=report.version_id,
    )
