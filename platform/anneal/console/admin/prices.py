"""Meters and prices in the console: added by form, then only to be read."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.base import ReadOnlyAdmin
from anneal.console.admin.fields import (
    TiersField,
    choice,
    decimal,
    meter_choices,
    moment,
    text,
)
from anneal.console.admin.form_page import form_page, posted
from anneal.console.admin.site import operator_actor, site
from billing.plans.models import Plan
from billing.prices import rating
from billing.prices.contracts import PriceModel, PriceTerms
from billing.prices.models import Meter, Price
from billing.prices.selectors import price_terms
from billing.prices.services import meter_add, price_add
from billing.prices.terms import CHANNELS, terms_read

_MODELS = [
    (PriceModel.PER_UNIT.value, _("Per unit")),
    (PriceModel.GRADUATED.value, _("Graduated: each unit by its own tier")),
    (PriceModel.VOLUME.value, _("Volume: all units by the tier reached")),
    (PriceModel.PACKAGE.value, _("Package")),
    (PriceModel.PERCENTAGE.value, _("Percentage of an amount")),
]
_EXAMPLES = (1, 1_000, 1_000_000)


class MeterForm(forms.Form):
    """Something new to count."""

    code = text(_("Code"), max_length=50, help_text=_("Small letters, digits and '_'."))
    name_en = text(_("Name in English"))
    name_zh = text(_("Name in Chinese"))
    unit_en = text(_("Unit in English"), max_length=50)
    unit_zh = text(_("Unit in Chinese"), max_length=50)


class PriceForm(forms.Form):
    """A price as an operator writes it. What its model does not use stays empty."""

    meter = choice(_("Meter"), meter_choices)
    currency = text(_("Currency"), max_length=3, initial="USD")
    model = choice(_("Model"), _MODELS)
    unit_amount = decimal(_("Amount per unit"), required=False)
    tiers = TiersField(
        label=_("Tiers"),
        required=False,
        help_text=_("One a line: end, unit amount, flat amount. The last one ends with '*'."),
    )
    package_units = decimal(_("Units per package"), required=False)
    package_amount = decimal(_("Amount per package"), required=False)
    percent = decimal(_("Per cent"), required=False)
    minimum = decimal(_("Minimum per invoice"), required=False)
    task = text(_("Only for the task"), max_length=50, required=False)
    tier = text(_("Only for the tier"), max_length=50, required=False)
    channel = choice(
        _("Only for the channel"), [("", "-"), *((one, one) for one in CHANNELS)], required=False
    )
    plan = choice(_("Only for the plan"), lambda: [("", "-"), *_plans()], required=False)
    effective_at = moment(_("Begins at (UTC; empty: now)"))


@admin.register(Meter, site=site)
class MeterAdmin(ReadOnlyAdmin):
    """What is counted."""

    list_display: ClassVar = ["code", "name_en", "name_zh", "unit_en", "unit_zh"]
    search_fields: ClassVar = ["code", "name_en"]
    ordering: ClassVar = ["code"]
    actions_list: ClassVar = ["add_meter"]

    @action(description=_("Add meter"), url_path="add-meter")  # type: ignore[untyped-decorator] # unfold ships no types
    def add_meter(self, request: HttpRequest) -> HttpResponse:
        """Begin to count something."""
        return form_page(
            request,
            options=self.opts,
            form=MeterForm(posted(request)),
            title=_("Add meter"),
            back=reverse("admin:prices_meter_changelist"),
            apply=lambda cleaned: meter_add(actor=operator_actor(request), **cleaned),
        )


@admin.register(Price, site=site)
class PriceAdmin(ReadOnlyAdmin):
    """What things cost, and cost before."""

    list_display: ClassVar = [
        "meter",
        "currency",
        "model",
        "unit_amount",
        "match",
        "plan",
        "version",
        "effective_at",
    ]
    list_filter: ClassVar = ["meter", "currency", "model", "plan"]
    list_select_related: ClassVar = ["meter"]
    search_fields: ClassVar = ["meter__code", "plan"]
    ordering: ClassVar = ["-id"]
    actions_list: ClassVar = ["add_price"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show examples below the columns."""
        return [*super().get_fields(request, obj), "examples"]

    @display(description=_("At this price"))  # type: ignore[untyped-decorator] # as above
    def examples(self, row: Price) -> str:
        """Show what some numbers of units cost."""
        return " ".join(_lines(price_terms(row), row.currency))

    @action(description=_("Add price"), url_path="add-price")  # type: ignore[untyped-decorator] # as above
    def add_price(self, request: HttpRequest) -> HttpResponse:
        """Add a version that rules from its moment on."""
        return form_page(
            request,
            options=self.opts,
            form=PriceForm(posted(request)),
            title=_("Add price"),
            back=reverse("admin:prices_price_changelist"),
            apply=lambda cleaned: _add(request, cleaned),
            example=_example,
        )


def _plans() -> list[tuple[str, str]]:
    return [(code, code) for code in Plan.objects.order_by("code").values_list("code", flat=True)]


def _terms(cleaned: dict[str, Any]) -> PriceTerms:
    model = PriceModel(cleaned["model"])
    amount = cleaned["unit_amount"] if model == PriceModel.PER_UNIT else Decimal(0)
    return PriceTerms(
        model=model,
        unit_amount=amount,
        tiers=cleaned["tiers"],
        package_units=cleaned["package_units"],
        package_amount=cleaned["package_amount"],
        percent=cleaned["percent"],
        minimum=cleaned["minimum"],
    )


def _add(request: HttpRequest, cleaned: dict[str, Any]) -> None:
    price_add(
        actor=operator_actor(request),
        meter=cleaned["meter"],
        terms=_terms(cleaned),
        currency=cleaned["currency"],
        match={name: cleaned[name] for name in ("task", "tier", "channel") if cleaned[name]},
        plan=cleaned["plan"],
        effective_at=cleaned["effective_at"],
    )


def _example(cleaned: dict[str, Any]) -> Sequence[str]:
    return _lines(terms_read(_terms(cleaned), cleaned["currency"]), cleaned["currency"])


def _lines(terms: PriceTerms, currency: str) -> list[str]:
    lines = [
        gettext("%(units)s units cost %(amount)s %(currency)s.")
        % {
            "units": number_format(units, use_l10n=True, force_grouping=True),
            "amount": f"{rating.rate(terms, Decimal(units)).normalize():f}",
            "currency": currency,
        }
        for units in _EXAMPLES
    ]
    if terms.minimum is not None:
        lines.append(
            gettext("An invoice asks for %(amount)s %(currency)s at least.")
            % {"amount": f"{terms.minimum.normalize():f}", "currency": currency}
        )
    return lines
