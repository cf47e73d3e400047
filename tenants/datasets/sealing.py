"""Sealed rows: the test part of a version, closed to reading and known again wherever it comes.

A row is known by its text alone, whatever its case, spaces and label, so that the same text with
another label does not slip through.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.datasets.contracts import SEALED, DatasetVersionInfo, Split
from tenants.datasets.errors import RowsSealed
from tenants.datasets.models import DatasetVersion, Seal
from tenants.datasets.selectors import dataset_version_read, seal_unbroken

_LEARNED: Final[tuple[Split, ...]] = (Split.TRAIN, Split.VALIDATION)


@dataclass(frozen=True, slots=True)
class SealFacts:
    """What a seal closes: how many rows, and the hash that says which."""

    rows: int
    sha256: str


def seal_facts(*, organization: OrganizationRef, version_id: UUID) -> SealFacts:
    """Return what a seal of the version would close."""
    digests = _digests(organization, version_id, (SEALED,))
    whole = hashlib.sha256(b"".join(sorted(digests))).hexdigest()
    return SealFacts(len(digests), whole)


def seal_repeats(*, organization: OrganizationRef, version_id: UUID) -> int:
    """Return how many rows that a seal would close are learned from in the same version.

    A version leaves only rows out that are the same in letter and label.
    """
    closed = _digests(organization, version_id, (SEALED,))
    return len(closed & _digests(organization, version_id, _LEARNED))


def version_seal(*, organization: OrganizationRef, version_id: UUID, holder: str) -> SealFacts:
    """Close a version's test rows for ``holder``. RowsSealed where they are closed already."""
    require_scope(organization)
    # The version's lock makes two holders one after the other.
    DatasetVersion.objects.select_for_update().filter(id=version_id).first()
    if seal_unbroken(organization=organization, version_id=version_id):
        raise RowsSealed
    facts = seal_facts(organization=organization, version_id=version_id)
    Seal(
        organization_id=organization.id,
        version_id=version_id,
        split=SEALED.value,
        rows=facts.rows,
        sha256=facts.sha256,
        holder=holder,
    ).save(force_insert=True)
    return facts


def version_unseal(*, organization: OrganizationRef, holder: str) -> None:
    """Open what was closed for ``holder``."""
    require_scope(organization)
    Seal.objects.filter(
        organization_id=organization.id, holder=holder, broken_at__isnull=True
    ).update(broken_at=clock.now())


def sealed_version_id(*, organization: OrganizationRef, holder: str) -> UUID | None:
    """Return whose rows are closed for ``holder``."""
    require_scope(organization)
    rows = Seal.objects.filter(
        organization_id=organization.id, holder=holder, broken_at__isnull=True
    )
    found: UUID | None = rows.values_list("version_id", flat=True).first()
    return found


def sealed_dataset_check(*, organization: OrganizationRef, dataset_id: UUID) -> None:
    """Refuse to lose a dataset with closed rows. RowsSealed."""
    _refuse(organization, version__dataset_id=dataset_id)


def sealed_file_check(
    *, organization: OrganizationRef, file_id: UUID, param: str | None = None
) -> None:
    """Refuse to hand out a file with closed rows, or to read it anew. RowsSealed."""
    _refuse(organization, param, version__file_id=file_id)


def sealed_rows_absent(
    *,
    organization: OrganizationRef,
    sealed_id: UUID,
    version: DatasetVersionInfo,
    validation: DatasetVersionInfo | None,
) -> None:
    """Refuse a training that would learn from or choose by closed rows. RowsSealed names where.

    Of ``version`` its training and validation parts are used, of ``validation`` all.
    """
    parts = [("training_file", version, _LEARNED)]
    if validation is not None:
        parts.append(("validation_file", validation, tuple(Split)))
    closed = _digests(organization, sealed_id, (SEALED,))
    for param, used, splits in parts:
        found = len(closed & _digests(organization, used.id, splits))
        if found:
            raise RowsSealed(
                f"{found:,} rows of {param} are sealed by the outcome contract: train on a dataset"
                " version without them.",
                param=param,
            )


def _refuse(organization: OrganizationRef, param: str | None = None, **where: UUID) -> None:
    require_scope(organization)
    rows = Seal.objects.filter(organization_id=organization.id, broken_at__isnull=True, **where)
    if rows.exists():
        raise RowsSealed(param=param)


def _digests(
    organization: OrganizationRef, version_id: UUID, splits: Iterable[Split]
) -> set[bytes]:
    found: set[bytes] = set()
    for split in splits:
        table = dataset_version_read(organization=organization, version_id=version_id, split=split)
        for batch in table.select(["text"]).to_batches():
            found.update(map(_digest, batch.column(0).to_pylist()))
    return found


def _digest(text: str) -> bytes:
    same = " ".join(text.split()).casefold()
    return hashlib.blake2b(same.encode("utf-8"), digest_size=16).digest()
