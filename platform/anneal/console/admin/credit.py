"""What the operator does by hand: give credit, take its rest back, refund what was captured."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from anneal.console.admin.form_page import posted, row_page
from anneal.console.admin.forms import ReasonForm, RefundForm
from anneal.console.admin.site import operator_actor
from anneal.kernel.errors import Conflict
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.ledger.models import Grant, Hold
from billing.ledger.selectors import account_get, currency_limited
from billing.ledger.services import balance_grant, balance_void, hold_refund
from tenants.accounts.models import Organization


def currency_of(row: Organization | None) -> str:
    """Return the currency of an organization's money, as far as one is decided."""
    if row is None:
        return ""
    organization = OrganizationRef(id=row.id, slug=row.slug)
    kept_in = account_get(organization=organization).currency
    return kept_in or currency_limited(organization=organization)


def credit_give(organization: OrganizationRef, actor: Actor, cleaned: dict[str, Any]) -> None:
    """Give what the form says, once. The same form with another content is refused."""
    asked = {name: cleaned[name] for name in ("unit", "amount", "kind", "priority", "expires_at")}
    given = balance_grant(
        organization=organization,
        actor=actor,
        source=f"console:{cleaned['once']}",
        effective_at=cleaned["effective_at"],
        reason=cleaned["reason"],
        **asked,
    )
    if any(getattr(given, name) != value for name, value in asked.items()):
        raise Conflict("This form gave credit already: open it anew to give more.")


def void_page(request: HttpRequest, row: Grant) -> HttpResponse:
    """Ask why, and take back what is left of a grant."""
    organization = _organization(row)

    def apply(cleaned: dict[str, Any]) -> None:
        balance_void(
            organization=organization,
            actor=operator_actor(request),
            grant_id=row.id,
            reason=cleaned["reason"],
        )

    rest = row.amount - row.held - row.consumed - row.expired - row.voided
    return _page(request, row, ReasonForm(posted(request)), _("Take back"), rest, apply)


def refund_page(request: HttpRequest, row: Hold) -> HttpResponse:
    """Ask how much and why, and give captured units back."""
    organization = _organization(row)

    def apply(cleaned: dict[str, Any]) -> None:
        hold_refund(
            organization=organization,
            actor=operator_actor(request),
            hold_id=row.id,
            amount=cleaned["amount"],
            key=f"console:{cleaned['once']}",
            reason=cleaned["reason"],
        )

    rest = row.captured - row.refunded
    return _page(request, row, RefundForm(posted(request)), _("Refund"), rest, apply)


def _page(
    request: HttpRequest,
    row: Grant | Hold,
    form: forms.Form,
    name: Any,
    rest: Decimal,
    apply: Any,
) -> HttpResponse:
    """Show the form under what it is about: how much is left, of which unit, and whose."""
    left = _("%(amount)s %(unit)s left") % {"amount": f"{rest.normalize():f}", "unit": row.unit}
    return row_page(
        request,
        row,
        form=form,
        title=f"{name}: {_organization(row).slug}, {left}",
        apply=apply,
    )


def _organization(row: Grant | Hold) -> OrganizationRef:
    slug = Organization.objects.values_list("slug", flat=True).get(id=row.organization_id)
    return OrganizationRef(id=row.organization_id, slug=slug)
