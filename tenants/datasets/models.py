"""Files, datasets, versions. Class: tenant. Rows of a version lie as Parquet in object storage."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel
from tenants.datasets.contracts import FilePurpose, Origin, VersionStatus


class File(TenantModel):
    """An uploaded or produced file. Deleting it removes the object; the row stays for lineage."""

    filename = models.CharField(max_length=255)
    purpose = models.CharField(max_length=20, choices=[(p.value, p.value) for p in FilePurpose])
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=255)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="datasets_file_newest")
        ]

    def __str__(self) -> str:
        return self.filename


class Dataset(TenantModel):
    """A name under which versions follow each other."""

    name = models.CharField(max_length=120)
    task = models.CharField(max_length=40)
    origin = models.CharField(max_length=10, choices=[(o.value, o.value) for o in Origin])
    versions = models.PositiveIntegerField(default=0)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="datasets_dataset_newest")
        ]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(TenantModel):
    """One reading of one file. Once it left ``processing`` the database refuses any change."""

    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, db_constraint=False, related_name="version_rows"
    )
    file = models.ForeignKey(File, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=[(s.value, s.value) for s in VersionStatus])
    format = models.CharField(max_length=8, default="", blank=True)
    columns = models.JSONField(default=list)
    mapping = models.JSONField(null=True, blank=True)
    seed = models.BigIntegerField()
    rows = models.PositiveIntegerField(default=0)
    labels = models.JSONField(default=dict)
    splits = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64, default="", blank=True)
    storage_key = models.CharField(max_length=255, default="", blank=True)
    validation_report = models.JSONField(default=dict)
    statistics = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "dataset", "number"], name="datasets_version_number"
            ),
            models.CheckConstraint(
                condition=models.Q(status="processing") ^ models.Q(finished_at__isnull=False),
                name="datasets_version_finished",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "file"], name="datasets_version_file"),
            models.Index(
                fields=["created_at"],
                condition=models.Q(status="processing"),
                name="datasets_version_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class Seal(TenantModel):
    """One part of a version that nobody may read or train on for a while.

    ``sha256`` is of the part's rows as they were when it began; ``holder`` the public id of what it
    is kept for.
    """

    version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    split = models.CharField(max_length=12)
    rows = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    holder = models.CharField(max_length=80)
    broken_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        """One unbroken seal a version."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "version"],
                condition=models.Q(broken_at__isnull=True),
                name="datasets_seal_unbroken",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "holder"], name="datasets_seal_holder")
        ]

    def __str__(self) -> str:
        return self.holder
