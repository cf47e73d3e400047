"""Plans, subscriptions and the trial in the console."""

from dataclasses import asdict
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldBooleanWidget

from anneal.console.admin.base import ReadOnlyAdmin, TenantAdmin
from anneal.console.admin.fields import CapsField, UnitsField, choice, decimal, text, whole
from anneal.console.admin.form_page import form_page, posted, row_of, row_page
from anneal.console.admin.site import operator_actor, site
from billing.numbers import decimal_text
from billing.plans.contracts import Overage, Period, PlanLimits, PlanTerms
from billing.plans.models import Plan, PlanVersion, Subscription, SubscriptionPeriod, TrialTerms
from billing.plans.rows import plan_terms
from billing.plans.selectors import trial_terms_current
from billing.plans.services import (
    plan_add,
    plan_edit,
    plan_version_draft,
    plan_version_publish,
    trial_terms_set,
)

_LIMITS = (
    "requests_per_minute",
    "calls_in_flight",
    "concurrency",
    "priority",
    "storage_gb",
    "seats",
)


class PlanForm(forms.Form):
    """What a plan is called and whether customers may choose it."""

    name_en = text(_("Name in English"))
    name_zh = text(_("Name in Chinese"))
    public = forms.BooleanField(
        label=_("Customers may choose it"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
    )
    position = whole(_("Position in the list"), min_value=0, max_value=1000, initial=0)


class NewPlanForm(PlanForm):
    """A plan with the code that names it for ever."""

    code = text(_("Code"), max_length=50, help_text=_("Small letters, digits, '-' and '_'."))
    field_order = ("code",)


class PlanTermsForm(forms.Form):
    """A draft of a plan's terms."""

    fee = decimal(_("Fee per period"))
    currency = text(_("Currency"), max_length=3, initial="USD")
    period = choice(_("Period"), [(Period.MONTH.value, _("Month")), (Period.YEAR.value, _("Year"))])
    included = UnitsField(
        label=_("Included units"), required=False, help_text=_("One a line: meter, units.")
    )
    caps = CapsField(
        label=_("Caps"),
        required=False,
        help_text=_(
            "One a line: meter or currency, day or month, amount; add 'soft' if it only warns."
        ),
    )
    requests_per_minute = whole(_("Requests per minute"), required=False)
    calls_in_flight = whole(_("Online calls at once"), required=False)
    concurrency = whole(_("Training jobs at once"), required=False)
    priority = whole(_("Priority (lower is served first)"), min_value=0, max_value=100, initial=50)
    storage_gb = whole(_("Storage (GB)"), required=False)
    seats = whole(_("Seats"), required=False)
    overage = choice(
        _("When nothing is left"),
        [(Overage.BLOCK.value, _("Refuse")), (Overage.INVOICE.value, _("Use on, by invoice"))],
    )
    credit_line = decimal(_("Credit line"), required=False)


class TrialForm(forms.Form):
    """What organizations get that come from now on."""

    days = whole(_("Days"), max_value=3650)
    units = UnitsField(label=_("Units"), required=False, help_text=_("One a line: meter, units."))


@admin.register(Plan, site=site)
class PlanAdmin(ReadOnlyAdmin):
    """What is offered."""

    list_display: ClassVar = ["code", "name_en", "name_zh", "public", "position"]
    search_fields: ClassVar = ["code", "name_en"]
    ordering: ClassVar = ["position", "code"]
    actions_list: ClassVar = ["add_plan"]
    actions_detail: ClassVar = ["edit_plan", "draft"]

    @action(description=_("Add plan"), url_path="add-plan")  # type: ignore[untyped-decorator] # unfold ships no types
    def add_plan(self, request: HttpRequest) -> HttpResponse:
        """Make a plan; its terms follow."""
        return form_page(
            request,
            options=self.opts,
            form=NewPlanForm(posted(request)),
            title=_("Add plan"),
            back=reverse("admin:plans_plan_changelist"),
            apply=lambda cleaned: plan_add(actor=operator_actor(request), **cleaned),
        )

    @action(description=_("Edit"), url_path="edit-plan")  # type: ignore[untyped-decorator] # as above
    def edit_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Rename, move, offer or hide it."""
        row: Plan = row_of(self, request, object_id)
        shown = {name: getattr(row, name) for name in ("name_en", "name_zh", "public", "position")}
        return row_page(
            request,
            row,
            form=PlanForm(posted(request), initial=shown),
            title=_("Edit"),
            apply=lambda cleaned: plan_edit(
                actor=operator_actor(request), code=row.code, **cleaned
            ),
        )

    @action(description=_("Draft terms"), url_path="draft")  # type: ignore[untyped-decorator] # as above
    def draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Write the next version, or go on with the draft there is."""
        row: Plan = row_of(self, request, object_id)
        newest = PlanVersion.objects.filter(plan=row).order_by("-version").first()
        return form_page(
            request,
            options=self.opts,
            form=PlanTermsForm(
                posted(request), initial=_terms_shown(plan_terms(newest)) if newest else None
            ),
            title=_("Draft terms"),
            back=reverse("admin:plans_planversion_changelist"),
            apply=lambda cleaned: plan_version_draft(
                actor=operator_actor(request), plan=row.code, terms=_terms(cleaned)
            ),
        )


@admin.register(PlanVersion, site=site)
class PlanVersionAdmin(ReadOnlyAdmin):
    """Terms: drafts, those offered and those that were."""

    list_display: ClassVar = ["plan", "version", "fee", "currency", "period", "published_at"]
    list_filter: ClassVar = ["plan", ("published_at", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["plan"]
    search_fields: ClassVar = ["plan__code"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["publish"]

    @action(description=_("Publish"), url_path="publish")  # type: ignore[untyped-decorator] # as above
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Offer a draft; it never changes again."""
        row: PlanVersion = row_of(self, request, object_id)
        return row_page(
            request,
            row,
            form=forms.Form(posted(request)),
            title=_("Publish"),
            apply=lambda _cleaned: plan_version_publish(
                actor=operator_actor(request), version_id=row.id
            ),
        )


@admin.register(Subscription, site=site)
class SubscriptionAdmin(TenantAdmin):
    """Who is on which plan; changed on the organization's page."""

    list_display: ClassVar = ["organization", "plan", "starts_at", "ends_at", "renews_at"]
    list_filter: ClassVar = [("ends_at", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["plan_version__plan"]
    ordering: ClassVar = ["-id"]

    def plan(self, row: Subscription) -> str:
        """Show the plan's code."""
        return row.plan_version.plan.code

    plan.short_description = _("plan")  # type: ignore[attr-defined] # Django's way


@admin.register(SubscriptionPeriod, site=site)
class SubscriptionPeriodAdmin(TenantAdmin):
    """The periods that were opened."""

    list_display: ClassVar = ["organization", "plan", "starts_at", "ends_at"]
    list_select_related: ClassVar = ["plan_version__plan"]
    ordering: ClassVar = ["-id"]

    def plan(self, row: SubscriptionPeriod) -> str:
        """Show the plan's code."""
        return row.plan_version.plan.code

    plan.short_description = _("plan")  # type: ignore[attr-defined] # Django's way


@admin.register(TrialTerms, site=site)
class TrialTermsAdmin(ReadOnlyAdmin):
    """What new organizations get, and got."""

    list_display: ClassVar = ["version", "days", "units", "created_at"]
    ordering: ClassVar = ["-version"]
    actions_list: ClassVar = ["set_trial"]

    @action(description=_("Change the trial"), url_path="set-trial")  # type: ignore[untyped-decorator] # as above
    def set_trial(self, request: HttpRequest) -> HttpResponse:
        """Give those who come from now on another trial."""
        present = trial_terms_current()
        shown = {"days": present.days, "units": _units_shown(present.units)}
        return form_page(
            request,
            options=self.opts,
            form=TrialForm(posted(request), initial=shown),
            title=_("Change the trial"),
            back=reverse("admin:plans_trialterms_changelist"),
            apply=lambda cleaned: trial_terms_set(actor=operator_actor(request), **cleaned),
        )


def _terms(cleaned: dict[str, Any]) -> PlanTerms:
    return PlanTerms(
        fee=cleaned["fee"],
        currency=cleaned["currency"],
        period=Period(cleaned["period"]),
        included=cleaned["included"],
        limits=PlanLimits(**{name: cleaned[name] for name in _LIMITS}),
        overage=Overage(cleaned["overage"]),
        credit_line=cleaned["credit_line"],
        caps=cleaned["caps"],
    )


def _terms_shown(terms: PlanTerms) -> dict[str, Any]:
    return {
        "fee": decimal_text(terms.fee),
        "currency": terms.currency,
        "period": terms.period.value,
        "included": _units_shown(terms.included),
        "overage": terms.overage.value,
        "credit_line": decimal_text(terms.credit_line),
        "caps": "\n".join(
            f"{cap.unit} {cap.window} {cap.amount:f} {'hard' if cap.hard else 'soft'}"
            for cap in terms.caps
        ),
        **asdict(terms.limits),
    }


def _units_shown(units: Any) -> str:
    return "\n".join(f"{meter} {amount:f}" for meter, amount in sorted(units.items()))
