"""One page for the console's forms: ask, call the service, show its refusal beside the form."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models.options import Options
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from anneal.console.admin.site import site
from anneal.kernel.errors import DomainError

PREVIEW = "_preview"
"""The button that only calculates."""


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what was sent, also when it is nothing; None when the form is only looked at."""
    return request.POST if request.method == "POST" else None


def form_page(
    request: HttpRequest,
    *,
    options: "Options[Any]",
    form: forms.Form,
    title: Any,
    back: str,
    apply: Callable[[dict[str, Any]], object],
    example: Callable[[dict[str, Any]], Sequence[str]] | None = None,
) -> HttpResponse:
    """Show the form; on POST call ``apply`` and go ``back``.

    With ``example`` there is a second button, which shows what it returns and changes nothing.
    """
    lines: Sequence[str] = ()
    if request.method == "POST" and form.is_valid():
        try:
            # A savepoint: the refusal is shown inside the scope, which commits.
            with transaction.atomic():
                if example is not None and PREVIEW in request.POST:
                    lines = example(form.cleaned_data)
                else:
                    apply(form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.text)
        else:
            if not lines:
                messages.success(request, str(title))
                return redirect(back)
    context = {
        **site.each_context(request),
        "title": title,
        "form": form,
        "opts": options,
        "back": back,
        "preview": PREVIEW if example is not None else None,
        "lines": lines,
    }
    return TemplateResponse(request, "console/admin_form.html", context)
