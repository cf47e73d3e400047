"""The forms behind the console's named actions."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from anneal.kernel.ids import uuid7
from billing.ledger.contracts import PREDICTION, TRAINED_TOKEN
from billing.plans.models import Plan

UNITS = [(PREDICTION, _("Predictions")), (TRAINED_TOKEN, _("Trained tokens"))]


class ReasonForm(forms.Form):
    """Why: written to the audit trail, and for a suspension shown to the organization."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class GrantForm(forms.Form):
    """Units given by the operator. ``once`` makes a form sent twice give once."""

    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    unit = forms.ChoiceField(label=_("Unit"), choices=UNITS, widget=UnfoldAdminSelectWidget)
    amount = forms.DecimalField(
        label=_("Amount"),
        min_value=Decimal(1),
        max_value=Decimal(10) ** 12,
        decimal_places=0,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    days = forms.IntegerField(
        label=_("Valid for days (empty: without end)"),
        min_value=1,
        max_value=3650,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class AssignPlanForm(forms.Form):
    """A plan for an organization, public or not."""

    plan = forms.ChoiceField(
        label=_("Plan"),
        choices=lambda: [
            (code, code)
            for code in Plan.objects.order_by("position", "code").values_list("code", flat=True)
        ],
        widget=UnfoldAdminSelectWidget,
    )
    time_zone = forms.CharField(
        label=_("Time zone of its periods (first plan only; empty: UTC)"),
        max_length=60,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
