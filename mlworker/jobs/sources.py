"""Where a job's rows come from: a dataset version, a dataset, or an uploaded file."""

from dataclasses import dataclass

from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs.errors import TrainingDataUnfit
from tenants.datasets.contracts import FILE_PREFIX, DatasetVersionInfo, VersionStatus
from tenants.datasets.selectors import dataset_version_resolve, file_get
from tenants.datasets.services import dataset_from_file


@dataclass(frozen=True, slots=True)
class Source:
    """What a reference names. ``version`` is None until the rows have been read."""

    reference: str
    param: str
    version: DatasetVersionInfo | None

    def required(self) -> DatasetVersionInfo:
        """Return the version; TrainingDataUnfit while there is none."""
        if self.version is None:
            raise TrainingDataUnfit(
                "The data is still being read: ask again when the data set is ready.",
                param=self.param,
            )
        return self.version


def source_find(
    *, organization: OrganizationRef, reference: str, param: str = "training_file"
) -> Source:
    """Find what ``reference`` names, without reading rows. NotFound, TrainingDataUnfit."""
    if reference.startswith(FILE_PREFIX):
        file_get(organization=organization, reference=reference)
        return Source(reference, param, None)
    version = dataset_version_resolve(organization=organization, reference=reference)
    return Source(reference, param, _usable(version, param))


def source_read(
    *, organization: OrganizationRef, reference: str, param: str = "training_file"
) -> Source:
    """Find what ``reference`` names; a file becomes a dataset, the same one each time."""
    if not reference.startswith(FILE_PREFIX):
        return source_find(organization=organization, reference=reference, param=param)
    version = dataset_from_file(organization=organization, reference=reference)
    return Source(reference, param, _usable(version, param))


def _usable(version: DatasetVersionInfo, param: str) -> DatasetVersionInfo | None:
    if version.status is VersionStatus.FAILED:
        raise TrainingDataUnfit(
            "The data could not be read: see the data set's validation report.", param=param
        )
    return version if version.status is VersionStatus.READY else None
