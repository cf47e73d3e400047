"""What the pages of payments show of each other: names, links and tables."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from anneal.console.admin.base import TenantAdmin
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.money import money_text

STATES: Final = {
    "open": _("Open"),
    "asked": _("On its way"),
    "pending": _("On its way"),
    "requires_action": _("Waits for the customer"),
    "canceled": _("Cancelled"),
    "succeeded": _("Succeeded"),
    "failed": _("Failed"),
    "refunded": _("Refunded"),
    "partly_refunded": _("Partly refunded"),
    "disputed": _("Disputed"),
    "waiting": _("Waiting"),
    "sent": _("Sent"),
    "parked": _("Parked"),
    "done": _("Done"),
    "needs_response": _("Needs an answer"),
    "under_review": _("Under review"),
    "warning_needs_response": _("Inquiry, needs an answer"),
    "warning_under_review": _("Inquiry, under review"),
    "warning_closed": _("Inquiry, closed"),
    "appeal_needs_response": _("Appeal, needs an answer"),
    "appeal_under_review": _("Appeal, under review"),
    "prevented": _("Prevented"),
    "won": _("Won"),
    "lost": _("Lost"),
    "on": _("On"),
    "off": _("Off"),
    "paused": _("Paused"),
    "stopped": _("Paused by the operator"),
}
COLOURS: Final = dict.fromkeys(STATES, "info") | {
    "succeeded": "success",
    "done": "success",
    "sent": "success",
    "won": "success",
    "on": "success",
    "stopped": "danger",
    "paused": "warning",
    "failed": "danger",
    "parked": "danger",
    "lost": "danger",
    "disputed": "danger",
    "needs_response": "danger",
    "appeal_needs_response": "danger",
    "warning_needs_response": "warning",
    "refunded": "warning",
    "partly_refunded": "warning",
}


class StateColumns:
    """A row's state: a label in lists, words on its own page."""

    def standing(self, row: Any) -> str:
        """Return the state that is shown."""
        return str(row.state)

    @display(description=_("State"), label=COLOURS)  # type: ignore[untyped-decorator] # unfold ships no types
    def status(self, row: Any) -> tuple[str, Any]:
        """Show the state in its colour."""
        state = self.standing(row)
        return state, state_text(state)

    @display(description=_("State"))  # type: ignore[untyped-decorator] # as above
    def state_shown(self, row: Any) -> Any:
        """Show the state in words."""
        return state_text(self.standing(row))


class AmountAdmin(StateColumns, TenantAdmin):
    """A table whose rows are sums of money in a state."""

    @display(description=_("Amount"), ordering="amount_minor")  # type: ignore[untyped-decorator] # as above
    def amount(self, row: Any) -> str:
        """Show the amount with its currency."""
        return money(row.amount_minor, row.currency)


def state_text(state: str) -> Any:
    """Return a state in words; one that the provider has since added stands as it says it."""
    return STATES.get(state, state)


def money(coins: int, currency: str) -> str:
    """Return coins as an amount with its currency."""
    return f"{money_text(coins, currency)} {currency}"


def organization_of(row: Any) -> OrganizationRef:
    """Name the organization of a row that `TenantAdmin` fetched."""
    return OrganizationRef(id=row.organization_id, slug=row.organization_slug_shown)


def link(model: type[models.Model], key: UUID | None, text: Any) -> SafeString | str:
    """Return a link to a row's page."""
    if key is None:
        return "-"
    options = model._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[key])
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text
    )


def table(heads: Sequence[Any], rows: Iterable[Sequence[Any]]) -> SafeString:
    """Return a table of what hangs on a row."""
    return render_to_string("console/rows.html", {"heads": heads, "rows": list(rows)})


def money_table(rows: Iterable[Any], *columns: tuple[Any, str]) -> SafeString:
    """Show rows of money: when, how much, in which state, and these fields with their heads."""
    return table(
        (_("When"), _("Amount"), _("State"), *(head for head, _field in columns)),
        (
            (
                link(type(each), each.id, f"{each.created_at:%Y-%m-%d %H:%M}"),
                money(each.amount_minor, each.currency),
                state_text(each.state),
                *(getattr(each, field) or "-" for _head, field in columns),
            )
            for each in rows
        ),
    )
