"""`/operator/<token>`: the one-time link that signs the operator in."""

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from anneal.kernel.scopes import system_scope
from tenants.accounts.services import operator_link_use

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@never_cache
@require_GET
def operator_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign the operator in and lead to the console; a spent or old link says how to get another."""
    with system_scope("operator link"):
        operator = operator_link_use(token)
    if operator is None:
        return render(request, "console/operator_link.html", status=410)
    login(request, operator, backend=BACKEND)
    return redirect("admin:index")
