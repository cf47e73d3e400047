"""Where a job's rows come from: a dataset version, a dataset, or an uploaded file."""

from dataclasses import dataclass

from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs.errors import TrainingDataUnfit
from tenants.datasets.contracts import (
    FILE_PREFIX,
    DatasetVersionInfo,
    VersionStatus,
)
