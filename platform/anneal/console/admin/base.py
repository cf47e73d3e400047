"""What every table of the console shares."""

from typing import Any

from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from tenants.accounts.models import Organization


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """A table to look at. What changes things is a named action that calls a service."""

    list_per_page = 50
    show_full_result_count = False
    list_fullwidth = True
    compressed_fields = True
    actions = None

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show every column, also those no form could edit."""
        hidden = self.exclude or ()
        return [field.name for field in self.opts.fields if field.name not in hidden]

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> list[str]:
        """Show, not edit."""
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nothing is added by form."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nothing is edited by form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nothing is deleted by form."""
        return False


class TenantAdmin(ReadOnlyAdmin):
    """A tenant table, with the organization's slug fetched in the same query."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add the slug to each row."""
        rows: QuerySet[Any] = super().get_queryset(request)
        slug = Organization.objects.filter(id=OuterRef("organization_id")).values("slug")[:1]
        shown: QuerySet[Any] = rows.annotate(organization_slug_shown=Subquery(slug))
        return shown

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show the organization by its slug."""
        fields = super().get_fields(request, obj)
        return ["organization", *(name for name in fields if name != "organization_id")]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by slug besides the listed fields."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if search_term:
            found = found | queryset.filter(organization_slug_shown__startswith=search_term)
        return found, duplicates

    def organization(self, row: models.Model) -> str:
        """Show the slug."""
        return getattr(row, "organization_slug_shown", None) or "-"

    organization.short_description = _("Organization")  # type: ignore[attr-defined] # Django's way
