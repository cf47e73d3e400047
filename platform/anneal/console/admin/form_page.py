"""One page for the console's forms: ask, call the service, show its refusal beside the form."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db import transaction
from django.db.models.options import Options
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from anneal.console.admin.site import site
from anneal.kernel.errors import DomainError

PREVIEW = "_preview"
"""The button that only calculates."""


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what was sent, also when it is nothing; None when the form is only looked at."""
    return request.POST if request.method == "POST" else None


def row_of(admin: "ModelAdmin[Any]", request: HttpRequest, object_id: str) -> Any:
    """Return the row that a page is about. Raises Http404."""
    row = admin.get_object(request, object_id)
    if row is None:
        raise Http404
    return row


def row_page(
    request: HttpRequest,
    row: Any,
    *,
    form: forms.Form,
    title: Any,
    apply: Callable[[dict[str, Any]], object],
    back: str = "",
) -> HttpResponse:
    """Show the form about a row; on POST call ``apply`` and go ``back``, by default to the row."""
    options = row._meta
    own = f"admin:{options.app_label}_{options.model_name}_change"
    return form_page(
        request,
        options=options,
        form=form,
        title=title,
        back=back or reverse(own, args=[row.pk]),
        apply=apply,
    )


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
