"""`/dev/mail`: the local mail box, where the codes of sign-up can be read. Only under `up`."""

from dataclasses import asdict

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from anneal.console.shell import error_answer
from anneal.kernel.errors import NotFound
from tenants.accounts.mailbox import mails_read


@never_cache
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """Show the newest mails; `?to=` narrows, `?format=json` or an Accept header gives JSON.

    A hosted installation must not show strangers' codes: without ANNEAL_UP this address is none.
    """
    if not settings.ANNEAL_UP:
        return error_answer(NotFound("No such address: /dev/mail"))
    mails = mails_read(to=request.GET.get("to") or None)
    wants_json = request.GET.get("format") == "json" or (
        request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    )
    if wants_json:
        data = [asdict(mail) for mail in mails]
        return JsonResponse({"object": "list", "data": data, "has_more": False})
    return render(request, "console/mailbox.html", {"mails": mails})
