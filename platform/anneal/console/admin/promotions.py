"""Promotion codes in the console, and what became of them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from anneal.console.admin.base import ReadOnlyAdmin, TenantAdmin
from anneal.console.admin.fields import choice, decimal, meter_choices, moment, text, whole
from anneal.console.admin.form_page import form_page, posted, row_of
from anneal.console.admin.site import operator_actor, site
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.models import Discount, DiscountDraw, Promotion, Redemption
from billing.promotions.services import promotion_add, promotion_end

_KINDS = [
    (PromotionKind.PERCENT.value, _("Per cent off invoices")),
    (PromotionKind.AMOUNT.value, _("Money off invoices")),
    (PromotionKind.UNITS.value, _("Units")),
    (PromotionKind.TRIAL.value, _("More days of trial")),
]


class PromotionForm(forms.Form):
    """A code. What its kind does not use stays empty."""

    code = text(_("Code"), max_length=40, help_text=_("6 to 40 letters, digits, '-' and '_'."))
    kind = choice(_("Kind"), _KINDS)
    percent = decimal(_("Per cent"), required=False)
    invoices = whole(_("Number of invoices"), required=False, max_value=120)
    amount = decimal(_("Amount"), required=False)
    currency = text(_("Currency"), max_length=3, required=False)
    unit = choice(_("Meter"), lambda: [("", "-"), *meter_choices()], required=False)
    units = decimal(_("Units"), required=False)
    days = whole(_("Days (of units or of trial)"), required=False, max_value=3650)
    max_redemptions = whole(_("Redemptions in all (empty: no limit)"), required=False)
    valid_from = moment(_("Valid from (UTC; empty: now)"))
    valid_until = moment(_("Valid until (UTC; empty: without end)"))


@admin.register(Promotion, site=site)
class PromotionAdmin(ReadOnlyAdmin):
    """The codes."""

    list_display: ClassVar = [
        "code",
        "kind",
        "redeemed",
        "max_redemptions",
        "valid_from",
        "valid_until",
        "ended_at",
    ]
    list_filter: ClassVar = ["kind", ("ended_at", admin.EmptyFieldListFilter)]
    search_fields: ClassVar = ["code"]
    ordering: ClassVar = ["-id"]
    actions_list: ClassVar = ["add_promotion"]
    actions_detail: ClassVar = ["end"]

    @action(description=_("Add code"), url_path="add-promotion")  # type: ignore[untyped-decorator] # unfold ships no types
    def add_promotion(self, request: HttpRequest) -> HttpResponse:
        """Make a code."""
        return form_page(
            request,
            options=self.opts,
            form=PromotionForm(posted(request)),
            title=_("Add code"),
            back=reverse("admin:promotions_promotion_changelist"),
            apply=lambda cleaned: _add(request, cleaned),
        )

    @action(description=_("End"), url_path="end")  # type: ignore[untyped-decorator] # as above
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let nobody redeem it any more."""
        row: Promotion = row_of(self, request, object_id)
        return form_page(
            request,
            options=self.opts,
            form=forms.Form(posted(request)),
            title=_("End"),
            back=reverse("admin:promotions_promotion_change", args=[row.pk]),
            apply=lambda _cleaned: promotion_end(actor=operator_actor(request), code=row.code),
        )


@admin.register(Redemption, site=site)
class RedemptionAdmin(TenantAdmin):
    """Who redeemed what."""

    list_display: ClassVar = ["redeemed_at", "organization", "code"]
    search_fields: ClassVar = ["code"]
    ordering: ClassVar = ["-id"]


@admin.register(Discount, site=site)
class DiscountAdmin(TenantAdmin):
    """What invoices will still take off."""

    list_display: ClassVar = [
        "organization",
        "percent",
        "invoices_left",
        "amount",
        "remaining",
        "currency",
    ]
    ordering: ClassVar = ["-id"]


@admin.register(DiscountDraw, site=site)
class DiscountDrawAdmin(TenantAdmin):
    """What was taken off."""

    list_display: ClassVar = ["drawn_at", "organization", "key", "amount"]
    search_fields: ClassVar = ["key"]
    ordering: ClassVar = ["-id"]


def _add(request: HttpRequest, cleaned: dict[str, Any]) -> None:
    values = dict(cleaned)
    code, kind = values.pop("code"), PromotionKind(values.pop("kind"))
    promotion_add(
        actor=operator_actor(request), code=code, terms=PromotionTerms(kind=kind, **values)
    )
