"""Where a job's rows come from: a dataset version, a dataset, or an uploaded file."""

from dataclasses import dataclass

from anneal.kernel.errors import DomainError
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef
from tenants.datasets.contracts import FILE_PREFIX, DatasetVersionInfo, VersionStatus
from tenants.datasets.errors import DatasetNotReady
from tenants.datasets.selectors import (
    dataset_version_resolve,
    file_get,
    version_require_ready,
)
from tenants.datasets.services import dataset_from_file


@dataclass(frozen=True, slots=True)
class Source:
    """What a reference names. ``version`` is None until the rows have been read."""

    reference: str
    version: DatasetVersionInfo | None

    def required(self) -> DatasetVersionInfo:
        """Return the version; DatasetNotReady while there is none."""
        if self.version is None:
            raise DatasetNotReady(retry_after=2)
        return self.version


def source_find(
    *, organization: OrganizationRef, reference: str, param: str = "training_file"
) -> Source:
    """Find what ``reference`` names, without reading rows.

    Raises DatasetNotFound, and DatasetInvalid for data that could not be read.
    """
    try:
        if reference.startswith(FILE_PREFIX):
            file_get(organization=organization, file_id=parse_id(FILE_PREFIX, reference))
            return Source(reference, None)
        version = dataset_version_resolve(organization=organization, reference=reference)
        return Source(reference, version)
    except DatasetNotReady:
        return Source(reference, None)
    except DomainError as error:
        error.param = param
        raise


def source_read(
    *, organization: OrganizationRef, reference: str, param: str = "training_file"
) -> Source:
    """Find what ``reference`` names; a file becomes a dataset, the same one each time."""
    if not reference.startswith(FILE_PREFIX):
        return source_find(organization=organization, reference=reference, param=param)
    try:
        version = dataset_from_file(
            organization=organization,
            actor=SYSTEM_ACTOR,
            file_id=parse_id(FILE_PREFIX, reference),
        )
        if version.status is VersionStatus.PROCESSING:
            return Source(reference, None)
        version_require_ready(version)
        return Source(reference, version)
    except DomainError as error:
        error.param = param
        raise
