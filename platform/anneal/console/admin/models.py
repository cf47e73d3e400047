"""Data, jobs, versions and deployments in the console. For reading: changes go through services."""

from typing import ClassVar

from django.contrib import admin

from anneal.console.admin.base import TenantAdmin
from anneal.console.admin.site import site
from mlworker.batches.models import Batch
from mlworker.jobs.models import FineTuningJob
from mlworker.registry.models import ModelVersion
from mlworker.serving.models import Deployment
from tenants.datasets.models import Dataset, DatasetVersion


@admin.register(FineTuningJob, site=site)
class FineTuningJobAdmin(TenantAdmin):
    """Fine-tuning jobs of everybody."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "state",
        "phase",
        "base",
        "tier",
        "attempt",
        "seconds",
        "fine_tuned_model",
    ]
    list_filter: ClassVar = ["state", "tier", "base"]
    search_fields: ClassVar = ["fine_tuned_model", "created_by"]
    ordering: ClassVar = ["-id"]


@admin.register(Dataset, site=site)
class DatasetAdmin(TenantAdmin):
    """Datasets of everybody, without their rows."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "name",
        "task",
        "versions",
        "deleted_at",
    ]
    list_filter: ClassVar = ["task", "origin"]
    search_fields: ClassVar = ["name"]
    ordering: ClassVar = ["-id"]


@admin.register(DatasetVersion, site=site)
class DatasetVersionAdmin(TenantAdmin):
    """Versions and what validation said."""

    list_display: ClassVar = ["created_at", "organization", "dataset", "number", "status", "rows"]
    list_filter: ClassVar = ["status", "format"]
    list_select_related: ClassVar = ["dataset"]
    search_fields: ClassVar = ["dataset__name"]
    ordering: ClassVar = ["-id"]


@admin.register(ModelVersion, site=site)
class ModelVersionAdmin(TenantAdmin):
    """What jobs left."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "name",
        "base",
        "tier",
        "artifact_bytes",
    ]
    list_filter: ClassVar = ["tier", "base", "task"]
    search_fields: ClassVar = ["name"]
    ordering: ClassVar = ["-id"]


@admin.register(Deployment, site=site)
class DeploymentAdmin(TenantAdmin):
    """What answers under which name."""

    list_display: ClassVar = [
        "organization",
        "name",
        "model",
        "canary_percent",
        "paused_at",
        "updated_at",
    ]
    search_fields: ClassVar = ["name", "model"]
    ordering: ClassVar = ["-id"]


@admin.register(Batch, site=site)
class BatchAdmin(TenantAdmin):
    """Batches of everybody, without their rows."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "state",
        "form",
        "model",
        "total",
        "completed",
        "failed",
        "charged",
    ]
    list_filter: ClassVar = ["state", "form"]
    search_fields: ClassVar = ["model", "created_by"]
    ordering: ClassVar = ["-id"]
