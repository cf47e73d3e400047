"""By what the lists of payments and disputes are narrowed."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from anneal.console.admin.payment_parts import STATES
from billing.payments.contracts import DEMO_REF, DISPUTES_ENDED
from billing.payments.models import Dispute, PaymentAttempt

PURPOSES: Final = {
    "invoice:": _("Invoice"),
    "top_up:": _("Top-up"),
    "auto:": _("Automatic top-up"),
}
"""By how the key of an attempt begins."""
_DEMO: Final = (
    Q(intent_ref__startswith=DEMO_REF)
    | Q(session_ref__startswith=DEMO_REF)
    | Q(card_ref__startswith=DEMO_REF)
)
_ASKED: Final = ~Q(intent_ref="") | ~Q(session_ref="") | ~Q(card_ref="")


class PaymentStateFilter(admin.SimpleListFilter):
    """Payments by what became of them, also afterwards."""

    title = _("state")
    parameter_name = "status"
    conditions: Final = {
        "open": Q(state="open"),
        "succeeded": Q(state="succeeded"),
        "failed": Q(state="failed"),
        "refunded": Q(refunded_shown__gt=0),
        "disputed": Q(disputed_shown=True),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the states."""
        return [(state, STATES[state]) for state in self.conditions]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PaymentAttempt]
    ) -> QuerySet[PaymentAttempt]:
        """Leave those in the state."""
        return queryset.filter(self.conditions.get(self.value() or "", Q()))


class PurposeFilter(admin.SimpleListFilter):
    """Payments by what they were for."""

    title = _("purpose")
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the purposes."""
        return [(prefix.rstrip(":"), name) for prefix, name in PURPOSES.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PaymentAttempt]
    ) -> QuerySet[PaymentAttempt]:
        """Leave those of the purpose."""
        return queryset.filter(key__startswith=f"{self.value()}:") if self.value() else queryset


class ProviderFilter(admin.SimpleListFilter):
    """Payments by who was asked to collect."""

    title = _("provider")
    parameter_name = "provider"
    conditions: Final = {"stripe": _ASKED & ~_DEMO, "demo": _DEMO}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the providers."""
        return [("stripe", "Stripe"), ("demo", _("Demo"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PaymentAttempt]
    ) -> QuerySet[PaymentAttempt]:
        """Leave those of the provider."""
        return queryset.filter(self.conditions.get(self.value() or "", Q()))


class DisputeOpenFilter(admin.SimpleListFilter):
    """Disputes that are not over."""

    title = _("over")
    parameter_name = "over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both."""
        return [("no", _("No")), ("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> QuerySet[Dispute]:
        """Leave those that are, or are not."""
        ended = Q(state__in=DISPUTES_ENDED)
        return queryset.filter({"yes": ended, "no": ~ended}.get(self.value() or "", Q()))
