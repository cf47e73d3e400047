"""The console's site: every view of it runs inside one system scope, opened here alone."""

import functools
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import path
from unfold.sites import UnfoldAdminSite

from anneal.console.admin.badges import badges_count
from anneal.console.admin.margin import margin_context
from anneal.console.admin.revenue import revenue_context, revenue_csv
from anneal.kernel.audit import audit_record
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import system_scope
from tenants.accounts.contracts import HOUSE_ORGANIZATION
from tenants.accounts.models import User

View = Callable[..., HttpResponseBase]


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc] # unfold ships no types
    """Django's admin with the operator's rights made explicit."""

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Wrap a view: staff only, in the system scope, rendered inside it, writes audited."""

        @functools.wraps(view)
        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # Taken first: signing out leaves nobody to name.
            actor = operator_actor(request)
            with system_scope("admin"):
                response = view(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    response.render()
                if request.method == "POST":
                    _audit(request, response, actor)
            return response

        wrapped: View = super().admin_view(scoped, cacheable)
        return wrapped

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Write the figures beside the entries, and leave out those that are nothing."""
        groups: list[dict[str, Any]] = super().get_sidebar_list(request)
        counts = badges_count()
        for entry in (entry for group in groups for entry in group["items"]):
            entry["badge"] = counts.get(entry.get("badge", ""))
        return groups

    def get_urls(self) -> list[Any]:
        """Add the pages that are no table."""
        return [
            path("margin/", self.admin_view(self.margin), name="margin"),
            path("revenue/", self.admin_view(self.revenue), name="revenue"),
            path("revenue.csv", self.admin_view(revenue_csv), name="revenue-csv"),
            *super().get_urls(),
        ]

    def margin(self, request: HttpRequest) -> HttpResponse:
        """Show what each organization brings and costs."""
        context = {**self.each_context(request), **margin_context(request)}
        return TemplateResponse(request, "console/margin.html", context)

    def revenue(self, request: HttpRequest) -> HttpResponse:
        """Show what the installation earns by the month."""
        context = {**self.each_context(request), **revenue_context(request)}
        return TemplateResponse(request, "console/revenue.html", context)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the one sign-in page there is: its limits hold for operators too."""
        if self.has_permission(request):
            return redirect("admin:index")
        return redirect("/login?" + urlencode({"next": request.GET.get("next", "/admin/")}))


def operator_actor(request: HttpRequest) -> Actor:
    """Return the operator behind a request of the console."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("The console is for signed-in staff.")
    return Actor(kind="operator", id=user.id, label=user.email)


def _audit(request: HttpRequest, response: HttpResponseBase, actor: Actor) -> None:
    """Note every write of an operator, whatever services it called, in the house's own trail."""
    audit_record(
        actor=actor,
        action="console.post",
        target=request.path[:254],
        detail={"status": response.status_code, "action": request.POST.get("action", "")[:100]},
        organization=HOUSE_ORGANIZATION,
    )


site: Final = ConsoleSite(name="admin")
