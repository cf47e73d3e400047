"""The forms behind the console's named actions."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from anneal.console.admin.fields import choice, decimal, meter_choices, moment, whole
from anneal.kernel.ids import uuid7
from billing.ledger.models import GrantKind
from billing.plans.models import Plan, PlanVersion
from billing.prices.models import Price

KINDS = [
    (GrantKind.OPERATOR.value, _("Operator: a gift, no revenue")),
    (GrantKind.PROMOTIONAL.value, _("Promotional: a gift that is spent first")),
    (GrantKind.PURCHASED.value, _("Purchased: paid outside of Anneal")),
    (GrantKind.CREDIT_LINE.value, _("Credit line: money to be paid later")),
]
PRIORITY = 50


class ReasonForm(forms.Form):
    """Why: written to the audit trail, and for a suspension shown to the organization."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class GrantForm(ReasonForm):
    """Credit given by the operator. ``once`` makes a form sent twice give once.

    ``currency`` is the account's; empty, any that the house sells in may be its first. The service
    says which amounts and moments can be.
    """

    field_order = (
        "unit",
        "amount",
        "kind",
        "priority",
        "effective_at",
        "expires_at",
        "reason",
    )
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    amount = decimal(_("Amount"))
    kind = choice(_("Kind"), KINDS)
    priority = whole(
        _("Priority, 0 to 100 (lower is spent first)"),
        min_value=0,
        max_value=100,
        initial=PRIORITY,
    )
    effective_at = moment(_("Begins at (UTC; empty: now)"))
    expires_at = moment(_("Expires at (UTC; empty: never)"))

    def __init__(self, *args: Any, currency: str = "", **more: Any) -> None:
        """Offer the units there are, as of the request."""
        super().__init__(*args, **more)
        money = [currency] if currency else _currencies()
        units = [*meter_choices(), *((code, code) for code in money)]
        self.fields["unit"] = choice(_("Unit: a meter, or money"), units)
        self.order_fields(self.field_order)


class RefundForm(ReasonForm):
    """Captured units given back. ``once`` makes a form sent twice refund once."""

    field_order = ("amount", "reason")
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    amount = decimal(_("Units to give back (empty: all that are not refunded)"), required=False)


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


def _currencies() -> list[str]:
    """Return in what the house sells: the currencies of its prices and plans."""
    prices = Price.objects.values_list("currency", flat=True)
    plans = PlanVersion.objects.values_list("currency", flat=True)
    return sorted({*prices, *plans})
