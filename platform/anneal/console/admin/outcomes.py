"""Outcome policies, contracts, outcomes with their evidence, and disputes in the console."""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from anneal.console.admin.base import ReadOnlyAdmin, TenantAdmin
from anneal.console.admin.fields import choice, decimal, text, whole
from anneal.console.admin.form_page import form_page, posted, row_of, row_page
from anneal.console.admin.site import operator_actor, site
from anneal.kernel.scopes import OrganizationRef
from billing.outcomes.contracts import OutcomeKind, PolicyTerms
from billing.outcomes.models import (
    Outcome,
    OutcomeContract,
    OutcomePolicy,
    OutcomePolicyVersion,
    OutcomeStep,
)
from billing.outcomes.services import (
    outcome_dispute_decide,
    outcome_policy_add,
    outcome_policy_offer,
    outcome_policy_version_draft,
    outcome_policy_version_publish,
)
from tenants.accounts.models import Organization

_KINDS = [
    (OutcomeKind.SUCCESS_FEE.value, _("Success fee of a fine-tuning job")),
    (OutcomeKind.CONFIRMED_PREDICTION.value, _("Confirmed predictions of a deployment")),
]


class PolicyForm(forms.Form):
    """A policy with the code that names it for ever."""

    code = text(_("Code"), max_length=50, help_text=_("Small letters, digits, '-' and '_'."))
    kind = choice(_("Kind"), _KINDS)
    name_en = text(_("Name in English"))
    name_zh = text(_("Name in Chinese"))


class PolicyTermsForm(forms.Form):
    """A draft of a policy's terms. What its kind does not use stays as it is."""

    price = decimal(_("Success fee, or price of a prediction"))
    currency = text(_("Currency"), max_length=3, initial="USD")
    margin = decimal(_("Least gain in macro-F1 (success fee)"), initial=0)
    level = decimal(_("The p-value stays below (success fee)"), initial="0.05")
    window_days = whole(_("Days that feedback counts (predictions)"), required=False, max_value=89)
    dispute_days = whole(_("Days to dispute"), max_value=90, initial=14)


class OfferForm(forms.Form):
    """Whether customers may choose it."""

    public = forms.BooleanField(
        label=_("Customers may choose it"), required=False, widget=UnfoldBooleanWidget
    )


class DecisionForm(forms.Form):
    """What becomes of a disputed outcome."""

    decision = choice(
        _("Decision"),
        [("uphold", _("It is owed")), ("reverse", _("Reverse it and give back what was charged"))],
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


@admin.register(OutcomePolicy, site=site)
class OutcomePolicyAdmin(ReadOnlyAdmin):
    """What is offered."""

    list_display: ClassVar = ["code", "kind", "name_en", "name_zh", "public"]
    list_filter: ClassVar = ["kind", "public"]
    search_fields: ClassVar = ["code", "name_en"]
    ordering: ClassVar = ["code"]
    actions_list: ClassVar = ["add_policy"]
    actions_detail: ClassVar = ["draft", "offer"]

    @action(description=_("Add policy"), url_path="add-policy")  # type: ignore[untyped-decorator] # unfold ships no types
    def add_policy(self, request: HttpRequest) -> HttpResponse:
        """Make a policy; its terms follow."""
        return form_page(
            request,
            options=self.opts,
            form=PolicyForm(posted(request)),
            title=_("Add policy"),
            back=reverse("admin:outcomes_outcomepolicy_changelist"),
            apply=lambda cleaned: outcome_policy_add(actor=operator_actor(request), **cleaned),
        )

    @action(description=_("Draft terms"), url_path="draft")  # type: ignore[untyped-decorator] # as above
    def draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Write the next version, or go on with the draft there is."""
        row: OutcomePolicy = row_of(self, request, object_id)
        newest = (
            OutcomePolicyVersion.objects.filter(policy=row)
            .order_by("-version")
            .values(*PolicyTermsForm.base_fields)
            .first()
        )
        return form_page(
            request,
            options=self.opts,
            form=PolicyTermsForm(posted(request), initial=newest),
            title=_("Draft terms"),
            back=reverse("admin:outcomes_outcomepolicyversion_changelist"),
            apply=lambda cleaned: outcome_policy_version_draft(
                actor=operator_actor(request), policy=row.code, terms=PolicyTerms(**cleaned)
            ),
        )

    @action(description=_("Offer or withdraw"), url_path="offer")  # type: ignore[untyped-decorator] # as above
    def offer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let customers choose it, or no more."""
        row: OutcomePolicy = row_of(self, request, object_id)
        return row_page(
            request,
            row,
            form=OfferForm(posted(request), initial={"public": row.public}),
            title=_("Offer or withdraw"),
            apply=lambda cleaned: outcome_policy_offer(
                actor=operator_actor(request), code=row.code, **cleaned
            ),
        )


@admin.register(OutcomePolicyVersion, site=site)
class OutcomePolicyVersionAdmin(ReadOnlyAdmin):
    """Terms: drafts, those offered and those that were."""

    list_display: ClassVar = ["policy", "version", "price", "currency", "published_at"]
    list_filter: ClassVar = ["policy", ("published_at", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["policy"]
    search_fields: ClassVar = ["policy__code"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["publish"]

    @action(description=_("Publish"), url_path="publish")  # type: ignore[untyped-decorator] # as above
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Offer a draft; it never changes again."""
        row: OutcomePolicyVersion = row_of(self, request, object_id)
        return row_page(
            request,
            row,
            form=forms.Form(posted(request)),
            title=_("Publish"),
            apply=lambda _cleaned: outcome_policy_version_publish(
                actor=operator_actor(request), version_id=row.id
            ),
        )


@admin.register(OutcomeContract, site=site)
class OutcomeContractAdmin(TenantAdmin):
    """What customers accepted."""

    list_display: ClassVar = ["organization", "kind", "subject", "accepted_at", "ended_at"]
    list_filter: ClassVar = ["kind", ("ended_at", admin.EmptyFieldListFilter)]
    search_fields: ClassVar = ["subject"]
    ordering: ClassVar = ["-id"]


@admin.register(Outcome, site=site)
class OutcomeAdmin(TenantAdmin):
    """What is owed, will be or will not; disputes wait here."""

    list_display: ClassVar = [
        "organization",
        "kind",
        "subject",
        "state",
        "quantity",
        "unit_price",
        "currency",
        "decided_at",
    ]
    list_filter: ClassVar = ["state", "kind", "payment"]
    search_fields: ClassVar = ["subject"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["decide"]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show the steps with their evidence below the columns."""
        return [*super().get_fields(request, obj), "evidence"]

    def evidence(self, row: Outcome) -> str:
        """Show each step, oldest first."""
        steps = OutcomeStep.objects.filter(outcome_id=row.id).order_by("id")
        return "\n\n".join(
            f"{step.at:%Y-%m-%d %H:%M} {step.state} ({step.actor})\n"
            + json.dumps(step.evidence, indent=2, ensure_ascii=False)
            for step in steps
        )

    evidence.short_description = _("evidence")  # type: ignore[attr-defined] # Django's way

    @action(description=_("Decide the dispute"), url_path="decide")  # type: ignore[untyped-decorator] # as above
    def decide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that a disputed outcome is owed, or reverse it."""
        row: Outcome = row_of(self, request, object_id)
        return row_page(
            request,
            row,
            form=DecisionForm(posted(request)),
            title=_("Decide the dispute"),
            apply=lambda cleaned: _decide(request, row, cleaned),
        )


def _decide(request: HttpRequest, row: Outcome, cleaned: dict[str, Any]) -> None:
    slug = Organization.objects.values_list("slug", flat=True).get(id=row.organization_id)
    outcome_dispute_decide(
        organization=OrganizationRef(id=row.organization_id, slug=slug),
        actor=operator_actor(request),
        outcome_id=row.id,
        reverse=cleaned["decision"] == "reverse",
        reason=cleaned["reason"],
    )
