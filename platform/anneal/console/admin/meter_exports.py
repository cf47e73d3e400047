"""What Stripe's meters are told, in the console: what waits, what Stripe does not take and why."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.base import TenantAdmin
from anneal.console.admin.form_page import form_page, posted, row_of
from anneal.console.admin.forms import ReasonForm
from anneal.console.admin.payment_parts import StateColumns
from anneal.console.admin.site import operator_actor, site
from billing.payments.contracts import ExportState
from billing.payments.models import MeterExport
from billing.payments.services.export_parking import export_park, export_release, exports_release

_OFFERED = {ExportState.WAITING: "park", ExportState.PARKED: "send_again"}
"""What can be done with a row in a state."""


@admin.register(MeterExport, site=site)
class MeterExportAdmin(StateColumns, TenantAdmin):
    """The units of each hour, under the identifier by which Stripe counts them once."""

    list_display: ClassVar = [
        "hour",
        "organization",
        "meter",
        "units_shown",
        "revision",
        "status",
        "tries",
        "next_try_at",
        "sent_at",
        "error",
    ]
    list_filter: ClassVar = ["state", "meter", "hour"]
    search_fields: ClassVar = ["^identifier", "^event_name"]
    ordering: ClassVar = ["-id"]
    actions_list: ClassVar = ["send_parked_again"]
    actions_detail: ClassVar = ["park", "send_again"]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show the state first, and by what name Stripe knows it last."""
        return [
            "organization",
            "state_shown",
            "error",
            "meter",
            "hour",
            "units_shown",
            "revision",
            "tries",
            "asked_at",
            "next_try_at",
            "sent_at",
            "event_name",
            "identifier",
            "created_at",
        ]

    @display(description=_("Units"), ordering="units")  # type: ignore[untyped-decorator] # unfold ships no types
    def units_shown(self, row: MeterExport) -> str:
        """Show how many units, without zeros at the end."""
        return f"{row.units.normalize():f}"

    @action(description=_("Park"), url_path="park")  # type: ignore[untyped-decorator] # as above
    def park(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Tell Stripe nothing of a row that waits."""
        return self._act(
            request,
            object_id,
            ReasonForm(posted(request)),
            _("Park"),
            lambda row, cleaned: export_park(
                actor=operator_actor(request), export_id=row.id, reason=cleaned["reason"]
            ),
        )

    @action(description=_("Send again"), url_path="send-again")  # type: ignore[untyped-decorator] # as above
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have a row that is parked sent again."""
        return self._act(
            request,
            object_id,
            forms.Form(posted(request)),
            _("Send again"),
            lambda row, _cleaned: export_release(actor=operator_actor(request), export_id=row.id),
        )

    @action(description=_("Send all that is parked again"), url_path="send-parked-again")  # type: ignore[untyped-decorator] # as above
    def send_parked_again(self, request: HttpRequest) -> HttpResponse:
        """Have every row that is parked sent again."""
        parked = MeterExport.objects.filter(state=ExportState.PARKED).count()
        return form_page(
            request,
            options=self.opts,
            form=forms.Form(posted(request)),
            title=f"{_('Send all that is parked again')}: {parked}",
            back=reverse("admin:payments_meterexport_changelist"),
            apply=lambda _cleaned: exports_release(actor=operator_actor(request)),
        )

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what the row's state allows: what was sent is never told again."""
        actions: list[Any] = super().get_actions_detail(request, object_id)
        row: MeterExport | None = self.get_object(request, object_id)
        wanted = _OFFERED.get(ExportState(row.state)) if row is not None else None
        return [each for each in actions if each.action_name.endswith(f"_{wanted}")]

    def _act(
        self, request: HttpRequest, object_id: str, form: forms.Form, title: Any, apply: Any
    ) -> HttpResponse:
        row: MeterExport = row_of(self, request, object_id)
        return form_page(
            request,
            options=self.opts,
            form=form,
            title=f"{title}: {row}",
            back=reverse("admin:payments_meterexport_change", args=[row.pk]),
            apply=lambda cleaned: apply(row, cleaned),
        )
