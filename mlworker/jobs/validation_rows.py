"""The rows of a second file, which choose the weights of a job: which may, and what is odd."""

import pyarrow as pa
import pyarrow.compute as pc

from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs.contracts import JobWarning
from mlworker.jobs.errors import TrainingDataUnfit
from mlworker.jobs.warnings import overlap_warning
from tenants.datasets.contracts import DatasetVersionInfo
from tenants.datasets.selectors import dataset_version_read


def validation_fit(version: DatasetVersionInfo, validation: DatasetVersionInfo) -> None:
    """TrainingDataUnfit unless the validation rows are of the training rows' task and labels."""
    if validation.task != version.task:
        raise TrainingDataUnfit(
            f"The validation file is for {validation.task}, the training file for {version.task}.",
            param="validation_file",
        )
    if not set(validation.labels) <= set(version.labels):
        raise TrainingDataUnfit(
            "The validation file has labels that the training file has not.",
            param="validation_file",
        )


def validation_apart(version: DatasetVersionInfo, validation: DatasetVersionInfo) -> None:
    """TrainingDataUnfit where the training file validates itself.

    Its test rows would choose the weights, and the report is measured on them.
    """
    if (
        validation.dataset_id == version.dataset_id
        or validation.content_hash == version.content_hash
    ):
        raise TrainingDataUnfit(
            "The validation file has the rows of the training file, those that test the model "
            "among them: name another dataset, or none, since each dataset holds out rows to "
            "validate with.",
            param="validation_file",
        )


def validation_overlap(
    organization: OrganizationRef, version: DatasetVersionInfo, validation: DatasetVersionInfo
) -> list[JobWarning]:
    """Say how many validation rows have a text that the training file has too."""
    texts, judging = (
        dataset_version_read(organization=organization, version_id=each.id)
        .column("text")
        .cast(pa.large_string())
        .combine_chunks()
        for each in (version, validation)
    )
    both = pc.sum(pc.is_in(judging, value_set=texts)).as_py() or 0
    return [overlap_warning(both, len(judging))] if both else []
