"""The console's first page."""

from typing import Any

from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from anneal.console.overview import overview_read
from mlworker.jobs.models import FineTuningJob
from tenants.accounts.models import Organization, OrganizationKind


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures (unfold's DASHBOARD_CALLBACK; runs inside the console's scope)."""
    figures = overview_read()
    usage = ", ".join(
        f"{number_format(units.normalize(), use_l10n=True, force_grouping=True)} {meter}"
        for meter, units in figures.usage_today.items()
    )
    context["figures"] = [
        (_("Organizations"), figures.organizations, _("new this week"), figures.new_organizations),
        (_("Users"), figures.users, _("suspended organizations"), figures.suspended),
        (_("Jobs running"), figures.jobs_running, _("waiting"), figures.jobs_waiting),
        (_("Jobs failed (24 h)"), figures.jobs_failed, _("outbox waiting"), figures.outbox_waiting),
    ]
    context["usage_today"] = usage or "0"
    context["newest_organizations"] = list(
        Organization.objects.exclude(kind=OrganizationKind.HOUSE).order_by("-id")[:8]
    )
    context["newest_jobs"] = list(FineTuningJob.objects.order_by("-id")[:8])
    return context
