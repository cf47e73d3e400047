"""Deployments in the operator's console, to read."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mlworker.serving.models import Deployment


@admin.register(Deployment)
class DeploymentAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """What each organization has deployed."""

    list_display: ClassVar = ["name", "organization_id", "model", "canary_percent", "updated_at"]
    search_fields: ClassVar = ["name", "model"]
    ordering: ClassVar = ["-updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Customers deploy through the API."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Changes go through the services, which record them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Changes go through the services, which record them."""
        return False
