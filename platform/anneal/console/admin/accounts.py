"""Organizations, people and keys in the console; what is done to an organization."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.base import ReadOnlyAdmin
from anneal.console.admin.credit import credit_give, currency_of
from anneal.console.admin.form_page import posted, row_of
from anneal.console.admin.forms import AssignPlanForm, GrantForm, ReasonForm
from anneal.console.admin.invoice_forms import DraftForm
from anneal.console.admin.invoice_pages import draft_write
from anneal.console.admin.site import operator_actor, site
from anneal.kernel.errors import DomainError
from anneal.kernel.scopes import OrganizationRef
from billing.ledger.selectors import account_get
from billing.ledger.services import account_park, account_unpark
from billing.plans.services import subscription_change
from tenants.accounts.models import Membership, Organization, User
from tenants.accounts.services import organization_restore, organization_suspend
from tenants.keys.models import ApiKey


@admin.register(Organization, site=site)
class OrganizationAdmin(ReadOnlyAdmin):
    """Customers: look, suspend, restore, grant."""

    list_display: ClassVar = ["slug", "name", "kind", "status", "created_at"]
    list_filter: ClassVar = ["kind", ("suspended_at", admin.EmptyFieldListFilter)]
    search_fields: ClassVar = ["slug", "name"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = [
        "suspend",
        "restore",
        "grant",
        "assign_plan",
        "draft_invoice",
        "park",
        "unpark",
    ]

    @display(description=_("Status"), label={"active": "success", "suspended": "danger"})  # type: ignore[untyped-decorator] # unfold ships no types
    def status(self, row: Organization) -> tuple[str, Any]:
        """Show whether calls are refused."""
        return ("suspended", _("Suspended")) if row.suspended_at else ("active", _("Active"))

    @action(description=_("Suspend"), url_path="suspend")  # type: ignore[untyped-decorator] # as above
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Refuse the organization's next call."""

        def apply(organization: OrganizationRef, cleaned: dict[str, Any]) -> None:
            organization_suspend(
                organization=organization,
                actor=operator_actor(request),
                reason=cleaned["reason"],
            )

        return self._form(request, object_id, ReasonForm, _("Suspend"), apply)

    @action(description=_("Restore"), url_path="restore")  # type: ignore[untyped-decorator] # as above
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lift a suspension."""

        def apply(organization: OrganizationRef, cleaned: dict[str, Any]) -> None:
            organization_restore(
                organization=organization,
                actor=operator_actor(request),
                reason=cleaned["reason"],
            )

        return self._form(request, object_id, ReasonForm, _("Restore"), apply)

    @action(description=_("Grant credit"), url_path="grant")  # type: ignore[untyped-decorator] # as above
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give units of a meter, or money."""

        def apply(organization: OrganizationRef, cleaned: dict[str, Any]) -> None:
            credit_give(organization, operator_actor(request), cleaned)

        def form(data: Any) -> forms.Form:
            return GrantForm(data, currency=currency_of(self.get_object(request, object_id)))

        return self._form(request, object_id, form, _("Grant credit"), apply)

    @action(description=_("Assign plan"), url_path="assign-plan")  # type: ignore[untyped-decorator] # as above
    def assign_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put the organization on a plan, also on one that costs money."""

        def apply(organization: OrganizationRef, cleaned: dict[str, Any]) -> None:
            subscription_change(
                organization=organization,
                actor=operator_actor(request),
                plan=cleaned["plan"],
                time_zone=cleaned["time_zone"] or None,
                assigned=True,
            )

        return self._form(request, object_id, AssignPlanForm, _("Assign plan"), apply)

    @action(description=_("Write an invoice"), url_path="draft-invoice")  # type: ignore[untyped-decorator] # as above
    def draft_invoice(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Write a draft; it is made final on its own page."""

        def apply(organization: OrganizationRef, cleaned: dict[str, Any]) -> None:
            draft_write(organization, operator_actor(request), cleaned)

        return self._form(request, object_id, DraftForm, _("Write an invoice"), apply)

    @action(description=_("Park account"), url_path="park")  # type: ignore[untyped-decorator] # as above
    def park(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take no new holds of the organization."""

        def apply(organization: OrganizationRef, cleaned: dict[str, Any]) -> None:
            account_park(
                organization=organization,
                actor=operator_actor(request),
                reason=cleaned["reason"],
            )

        return self._form(request, object_id, ReasonForm, _("Park account"), apply)

    @action(description=_("Free account"), url_path="unpark")  # type: ignore[untyped-decorator] # as above
    def unpark(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take holds again."""

        def apply(organization: OrganizationRef, cleaned: dict[str, Any]) -> None:
            account_unpark(
                organization=organization,
                actor=operator_actor(request),
                reason=cleaned["reason"],
            )

        return self._form(request, object_id, ReasonForm, _("Free account"), apply)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what can be done: a suspended organization is restored, another suspended."""
        row = self.get_object(request, object_id)
        hidden = {"_suspend" if row is not None and row.suspended_at else "_restore"}
        if row is not None:
            organization = OrganizationRef(id=row.id, slug=row.slug)
            parked = account_get(organization=organization).parked_at is not None
            hidden.add("_park" if parked else "_unpark")
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return [one for one in actions if not one.action_name.endswith(tuple(hidden))]

    def _form(
        self,
        request: HttpRequest,
        object_id: str,
        make_form: Callable[[Any], forms.Form],
        title: Any,
        apply: Callable[[OrganizationRef, dict[str, Any]], None],
    ) -> HttpResponse:
        """Ask on GET, call the service on POST; a refusal stands beside the form."""
        row: Organization = row_of(self, request, object_id)
        form = make_form(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                # A savepoint: the refusal is shown inside the scope, which commits.
                with transaction.atomic():
                    apply(OrganizationRef(id=row.id, slug=row.slug), form.cleaned_data)
            except DomainError as error:
                form.add_error(None, error.text)
            else:
                messages.success(request, f"{title}: {row.slug}")
                return redirect(reverse("admin:accounts_organization_change", args=[row.pk]))
        context = {
            **site.each_context(request),
            "title": f"{title}: {row.slug}",
            "form": form,
            "opts": self.model._meta,
            "original": row,
        }
        return TemplateResponse(request, "console/admin_action.html", context)


@admin.register(User, site=site)
class UserAdmin(ReadOnlyAdmin):
    """People."""

    list_display: ClassVar = ["email", "name", "language", "is_active", "is_staff", "last_login"]
    list_filter: ClassVar = ["is_staff", "is_active", "language"]
    search_fields: ClassVar = ["email", "name"]
    ordering: ClassVar = ["-id"]
    exclude: ClassVar = ["password"]


@admin.register(Membership, site=site)
class MembershipAdmin(ReadOnlyAdmin):
    """Who belongs where."""

    list_display: ClassVar = ["organization", "user", "role", "created_at"]
    list_filter: ClassVar = ["role"]
    list_select_related: ClassVar = ["organization", "user"]
    search_fields: ClassVar = ["organization__slug", "user__email"]
    ordering: ClassVar = ["-id"]


@admin.register(ApiKey, site=site)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys without their secret."""

    list_display: ClassVar = ["organization", "name", "shown", "kind", "created_by", "last_used_at"]
    list_filter: ClassVar = ["kind", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["organization", "created_by"]
    search_fields: ClassVar = ["organization__slug", "name", "last4"]
    ordering: ClassVar = ["-id"]
    exclude: ClassVar = ["digest", "session"]

    @display(description=_("Key"))  # type: ignore[untyped-decorator] # unfold ships no types
    def shown(self, row: ApiKey) -> str:
        """Show what a person may know a key by."""
        return f"{row.prefix}...{row.last4}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Leave in the database what would open something."""
        rows: QuerySet[ApiKey] = super().get_queryset(request)
        return rows.defer("digest", "session")
