"""Form fields that the console's forms about money share."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from billing.plans.contracts import CapWindow, PlanCap
from billing.prices.contracts import Tier
from billing.prices.models import Meter


def text(label: Any, **more: Any) -> forms.CharField:
    """Return a line of text."""
    return forms.CharField(
        label=label, widget=UnfoldAdminTextInputWidget, **({"max_length": 100} | more)
    )


def choice(label: Any, choices: Any, **more: Any) -> forms.ChoiceField:
    """Return a choice."""
    return forms.ChoiceField(label=label, choices=choices, widget=UnfoldAdminSelectWidget, **more)


def decimal(label: Any, **more: Any) -> forms.DecimalField:
    """Return an exact number; the service says which are allowed."""
    return forms.DecimalField(label=label, widget=UnfoldAdminDecimalFieldWidget, **more)


def whole(label: Any, **more: Any) -> forms.IntegerField:
    """Return a whole number of at least 1."""
    return forms.IntegerField(
        label=label,
        widget=UnfoldAdminIntegerFieldWidget,
        **({"min_value": 1, "max_value": 2**31 - 1} | more),
    )


def moment(label: Any, **more: Any) -> forms.DateTimeField:
    """Return a moment, in UTC."""
    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local", "step": "1"})
    return forms.DateTimeField(label=label, required=False, widget=widget, **more)


def meter_choices() -> list[tuple[str, str]]:
    """Return every meter there is, as of the request."""
    return [(code, code) for code in Meter.objects.order_by("code").values_list("code", flat=True)]


class TiersField(forms.CharField):
    """Tiers, one a line: where it ends, a unit's amount, an amount paid once."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})

    def clean(self, value: Any) -> tuple[Tier, ...]:
        """Return the tiers as they stand there."""
        lines = [line.split() for line in (super().clean(value) or "").splitlines() if line.strip()]
        try:
            return tuple(_tier(words) for words in lines)
        except (ValueError, InvalidOperation) as error:
            raise forms.ValidationError(
                _("Write each tier as: end, unit amount, flat amount. The last one ends with '*'.")
            ) from error


class UnitsField(forms.CharField):
    """Units by meter, one a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def clean(self, value: Any) -> dict[str, Decimal]:
        """Return the units as they stand there."""
        lines = [line.split() for line in (super().clean(value) or "").splitlines() if line.strip()]
        try:
            return {meter: Decimal(units) for meter, units in lines}
        except (ValueError, InvalidOperation) as error:
            raise forms.ValidationError(_("Write each line as: meter, units.")) from error


class CapsField(forms.CharField):
    """Caps, one a line: unit, window, amount, and `soft` where it only warns."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def clean(self, value: Any) -> tuple[PlanCap, ...]:
        """Return the caps as they stand there."""
        lines = [line.split() for line in (super().clean(value) or "").splitlines() if line.strip()]
        try:
            return tuple(_cap(words) for words in lines)
        except (ValueError, InvalidOperation) as error:
            raise forms.ValidationError(
                _("Write each cap as: unit, day or month, amount; add 'soft' if it only warns.")
            ) from error


def _cap(words: list[str]) -> PlanCap:
    unit, window, amount, *rest = words
    if rest not in ([], ["soft"], ["hard"]):
        raise ValueError(words)
    return PlanCap(
        unit=unit, window=CapWindow(window), amount=Decimal(amount), hard=rest != ["soft"]
    )


def _tier(words: list[str]) -> Tier:
    end, unit_amount, *rest = words
    if len(rest) > 1:
        raise ValueError(words)
    return Tier(
        up_to=None if end == "*" else Decimal(end),
        unit_amount=Decimal(unit_amount),
        flat_amount=Decimal(rest[0]) if rest else Decimal(0),
    )
