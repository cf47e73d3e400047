"""Contracts of success fees: the test rows of a dataset version, sealed."""

from typing import Any, Final
from uuid import UUID

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef
from billing.outcomes.contracts import CONTRACT_PREFIX
from billing.outcomes.subjects import SubjectPort
from mlworker.outcomes.errors import OutcomeRowsRepeated, OutcomeSubjectUnfit
from tenants.datasets.contracts import SEALED, VERSION_PREFIX, DatasetVersionInfo
from tenants.datasets.errors import DatasetNotFound
from tenants.datasets.sealing import seal_facts, seal_repeats, version_seal, version_unseal
from tenants.datasets.selectors import dataset_version_resolve

_TASK: Final = "text_classification"
FEWEST_ROWS: Final = 20
"""Fewer rows separate no model from a lucky one."""


def _facts(organization: OrganizationRef, subject: str) -> dict[str, Any]:
    version = _version(organization, subject)
    if version.task != _TASK or version.splits.get(SEALED, 0) < FEWEST_ROWS:
        raise OutcomeSubjectUnfit(param="subject")
    repeated = seal_repeats(organization=organization, version_id=version.id)
    if repeated:
        raise OutcomeRowsRepeated(
            f"{repeated:,} test rows stand among the training or validation rows as well, in other"
            " case, spacing or label: keep one row of each text and upload the file again.",
            param="subject",
        )
    found = seal_facts(organization=organization, version_id=version.id)
    return {
        "rows": found.rows,
        "rows_sha256": found.sha256,
        "split": SEALED.value,
        "content_hash": version.content_hash,
    }


def _begin(organization: OrganizationRef, contract_id: UUID, subject: str) -> None:
    version_seal(
        organization=organization,
        version_id=_version(organization, subject).id,
        holder=public_id(CONTRACT_PREFIX, contract_id),
    )


def _end(organization: OrganizationRef, contract_id: UUID, subject: str) -> None:
    version_unseal(organization=organization, holder=public_id(CONTRACT_PREFIX, contract_id))


def _version(organization: OrganizationRef, subject: str) -> DatasetVersionInfo:
    if not subject.startswith(VERSION_PREFIX):
        raise DatasetNotFound(param="subject")
    return dataset_version_resolve(organization=organization, reference=subject)


PORT: Final = SubjectPort(_facts, _begin, _end)
