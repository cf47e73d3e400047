"""Files: stored whole, under a key of ours; a file's name is a text and never a path."""

import os
from typing import BinaryIO, Final
from uuid import UUID

from django.db import transaction

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import DomainError, InvalidRequest
from anneal.kernel.events import FileArriving, FileStored, publish
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.storage import StoredObject, object_delete, object_put, tenant_key
from tenants.datasets.contracts import FileInfo, FilePurpose
from tenants.datasets.errors import DatasetNotFound, FileEmpty, FileTooLarge
from tenants.datasets.limits import configured
from tenants.datasets.models import File
from tenants.datasets.rows import file_info

MAX_FILENAME: Final = 255


def file_create(
    *,
    organization: OrganizationRef,
    actor: Actor,
    source: BinaryIO,
    filename: str,
    purpose: FilePurpose,
) -> FileInfo:
    """Store a file as it is; its rows are read when a dataset is made of it."""
    require_scope(organization)
    size = file_check(source, filename)
    publish(FileArriving(organization=organization, bytes=size))
    identity = uuid7()
    source.seek(0)
    stored = object_put(tenant_key(organization, "files", str(identity)), source)
    row = File(
        id=identity,
        organization_id=organization.id,
        filename=filename,
        purpose=purpose,
        bytes=stored.size,
        sha256=stored.sha256,
        storage_key=stored.key,
    )
    row.save(force_insert=True)
    try:
        publish(FileStored(organization=organization, bytes=stored.size))
    except DomainError:  # another upload took the room meanwhile: leave no object without a row
        object_delete(stored.key)
        raise
    info = file_info(row)
    audit_record(
        actor=actor,
        action="file.create",
        target=info.public_id,
        detail={"filename": filename, "bytes": stored.size, "purpose": purpose.value},
        organization=organization,
    )
    return info


def file_add_stored(
    *,
    organization: OrganizationRef,
    actor: Actor,
    file_id: UUID,
    stored: StoredObject,
    filename: str,
    purpose: FilePurpose,
) -> FileInfo:
    """Make a file of an object that the installation has stored.

    No plan's room refuses it: what it holds was ordered, and is paid for.
    """
    require_scope(organization)
    row = File(
        id=file_id,
        organization_id=organization.id,
        filename=filename,
        purpose=purpose,
        bytes=stored.size,
        sha256=stored.sha256,
        storage_key=stored.key,
    )
    row.save(force_insert=True)
    info = file_info(row)
    audit_record(
        actor=actor,
        action="file.create",
        target=info.public_id,
        detail={"filename": filename, "bytes": stored.size, "purpose": purpose.value},
        organization=organization,
    )
    return info


def file_delete(*, organization: OrganizationRef, actor: Actor, file_id: UUID) -> None:
    """Forget a file. Its object goes after the commit; versions made of it stay."""
    require_scope(organization)
    row = (
        File.objects.select_for_update()
        .filter(organization_id=organization.id, id=file_id, deleted_at=None)
        .first()
    )
    if row is None:
        raise DatasetNotFound
    row.deleted_at = clock.now()
    row.save(update_fields=["deleted_at"])
    key = row.storage_key
    transaction.on_commit(lambda: object_delete(key), robust=True)
    audit_record(
        actor=actor,
        action="file.delete",
        target=file_info(row).public_id,
        detail={"filename": row.filename},
        organization=organization,
    )


def file_check(source: BinaryIO, filename: str) -> int:
    """Return the size in bytes; refuse what is empty, too large or named unprintably long."""
    if not filename or len(filename) > MAX_FILENAME or "\0" in filename:
        raise InvalidRequest(
            f"The file needs a name of 1 to {MAX_FILENAME} characters.", param="file"
        )
    size = source.seek(0, os.SEEK_END)
    limit = configured().file_bytes
    if size > limit:
        raise FileTooLarge(f"The file has {size:,} bytes; at most {limit:,} are read: split it.")
    if size == 0:
        raise FileEmpty
    source.seek(0)
    return size
