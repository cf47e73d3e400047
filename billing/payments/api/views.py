"""The views of payments. Those that ask the provider open their scopes themselves."""

from decimal import Decimal
from typing import Any, ClassVar, Final

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page, whole_list
from anneal.kernel.api.idempotency import HEADER
from anneal.kernel.errors import InvalidRequest, NotFound
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Permission
from anneal.kernel.scopes import tenant_scope
from billing.invoices.api.render import invoice_json
from billing.invoices.api.schemas import InvoiceOut
from billing.invoices.selectors import invoices_rows
from billing.invoices.services import invoice_payable
from billing.payments.api.render import (
    attempt_json,
    auto_top_up_json,
    card_json,
    checkout_json,
    settings_json,
)
from billing.payments.api.schemas import (
    AutoTopUpIn,
    AutoTopUpOut,
    CheckoutIn,
    CheckoutOut,
    DemoCardIn,
    PaymentListOut,
    PaymentMethodListOut,
    PaymentMethodOut,
    PaymentSettingsOut,
    PortalIn,
    PortalOut,
)
from billing.payments.contracts import AttemptState, AutoTopUpTerms, Purpose
from billing.payments.errors import CardDeclined, ProviderRefused
from billing.payments.limits import currency_of
from billing.payments.models import CheckoutSession, PaymentMethod
from billing.payments.selectors import (
    attempts_rows,
    card_get,
    cards_by_ref,
    cards_list,
    checkout_get,
)
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.auto_top_up import auto_top_up_get, auto_top_up_set
from billing.payments.services.checkout import CheckoutWanted, checkout_open
from billing.payments.services.customers import card_make_default, card_remove, portal_open
from billing.payments.services.pages import page_look

_PAGING: Final = [
    OpenApiParameter("after", str, description="The last id seen."),
    OpenApiParameter("limit", int, description="1 to 100."),
]
_KEY: Final = [OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, required=True)]
_NOTHING: Final = Decimal(0)


class CheckoutsView(TenantView):
    """Pages to pay, to save a card, to go on a plan."""

    permission = Permission.BILLING_MANAGE
    own_scopes = True

    @extend_schema(
        operation_id="billing_checkout_create",
        parameters=_KEY,
        request=CheckoutIn,
        responses=CheckoutOut,
    )
    def post(self, request: Request) -> Response:
        """Open a page at the payment provider, once per Idempotency-Key."""
        body = self.body(CheckoutIn)
        wanted = CheckoutWanted(
            purpose=Purpose(body["purpose"]),
            return_path=body["return_path"],
            amount=body.get("amount"),
            currency=body.get("currency", ""),
            plan=body.get("plan", ""),
            time_zone=body.get("time_zone", ""),
            invoice_id=parse_id("inv_", body["invoice"]) if body.get("invoice") else None,
        )
        opened = checkout_open(
            organization=self.organization, actor=self.actor, wanted=wanted, key=_key(request)
        )
        with tenant_scope(self.organization):
            row = CheckoutSession.objects.select_related("attempt").get(id=opened.id)
        return Response(checkout_json(row))


class CheckoutView(TenantView):
    """One page."""

    permission = Permission.BILLING_READ
    located: CheckoutSession

    def locate(self, request: Request, **ids: str) -> CheckoutSession:
        """Find it among the organization's."""
        return checkout_get(organization=self.organization, reference=ids["checkout_id"])

    @extend_schema(operation_id="billing_checkout_retrieve", responses=CheckoutOut)
    def get(self, request: Request, checkout_id: str) -> Response:
        """Say what became of a page."""
        return Response(checkout_json(self.located))


class DemoCheckoutView(TenantView):
    """The page of an installation without a payment provider."""

    permission = Permission.BILLING_MANAGE
    own_scopes = True
    located: CheckoutSession

    def locate(self, request: Request, **ids: str) -> CheckoutSession:
        """Find the page; where Stripe collects there is none."""
        with tenant_scope(self.organization):
            row = checkout_get(organization=self.organization, reference=ids["checkout_id"])
        if not settings.ANNEAL_DEMO_BILLING:
            raise NotFound
        return row

    @extend_schema(operation_id="billing_demo_checkout", request=DemoCardIn, responses=CheckoutOut)
    def post(self, request: Request, checkout_id: str) -> Response:
        """Use a card of tests on a page. Raises CardDeclined as a bank would."""
        # The demo's rows are read only where there is a demo.
        from billing.payments.provider.demo import demo_complete  # noqa: PLC0415

        body = self.body(DemoCardIn)
        month, year = body["exp"].split("/")
        failure = demo_complete(
            ref=self.located.ref,
            number=body["card_number"],
            exp_month=int(month),
            exp_year=2000 + int(year),
        )
        if failure:
            raise CardDeclined(f"The card was declined ({failure}): use another one.")
        page_look(organization=self.organization, checkout_id=self.located.id)
        with tenant_scope(self.organization):
            row = checkout_get(organization=self.organization, reference=checkout_id)
        return Response(checkout_json(row))


class PortalView(TenantView):
    """The provider's own page to mind cards."""

    permission = Permission.BILLING_MANAGE
    own_scopes = True

    @extend_schema(operation_id="billing_portal", request=PortalIn, responses=PortalOut)
    def post(self, request: Request) -> Response:
        """Open the page."""
        back = f"{settings.ANNEAL_SITE_URL}{self.body(PortalIn)['return_path']}"
        return Response({"url": portal_open(organization=self.organization, return_url=back)})


class PaymentMethodsView(TenantView):
    """The cards."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_payment_methods_list", responses=PaymentMethodListOut)
    def get(self, request: Request) -> Response:
        """List the cards that are kept."""
        rows = cards_list(organization=self.organization)
        return Response(whole_list([card_json(row) for row in rows]))


class _OneCard(TenantView):
    """A view of the card that the address names; it asks the provider."""

    permission = Permission.BILLING_MANAGE
    own_scopes = True
    located: PaymentMethod

    def locate(self, request: Request, **ids: str) -> PaymentMethod:
        """Find it among the organization's."""
        with tenant_scope(self.organization):
            return card_get(organization=self.organization, reference=ids["payment_method_id"])


class PaymentMethodView(_OneCard):
    """One card."""

    @extend_schema(operation_id="billing_payment_methods_delete", responses={204: None})
    def delete(self, request: Request, payment_method_id: str) -> Response:
        """Forget a card."""
        card_remove(organization=self.organization, actor=self.actor, card=payment_method_id)
        return Response(status=204)


class PaymentMethodDefaultView(_OneCard):
    """The card to pay with."""

    @extend_schema(
        operation_id="billing_payment_methods_default", request=None, responses=PaymentMethodOut
    )
    def post(self, request: Request, payment_method_id: str) -> Response:
        """Pay with this card from now on."""
        card_make_default(organization=self.organization, actor=self.actor, card=payment_method_id)
        with tenant_scope(self.organization):
            row = card_get(organization=self.organization, reference=payment_method_id)
        return Response(card_json(row))


class AutoTopUpView(TenantView):
    """When credit is bought by itself."""

    permission: ClassVar = {"GET": Permission.BILLING_READ, "PUT": Permission.BILLING_MANAGE}

    @extend_schema(operation_id="billing_auto_top_up_retrieve", responses=AutoTopUpOut)
    def get(self, request: Request) -> Response:
        """Say when credit is bought by itself."""
        return Response(auto_top_up_json(auto_top_up_get(organization=self.organization)))

    @extend_schema(
        operation_id="billing_auto_top_up_update", request=AutoTopUpIn, responses=AutoTopUpOut
    )
    def put(self, request: Request) -> Response:
        """Keep when credit is bought by itself: one charge closes the gap, a day has a cap."""
        body: dict[str, Any] = self.body(AutoTopUpIn)
        terms = AutoTopUpTerms(
            enabled=body["enabled"],
            threshold=body.get("threshold") or _NOTHING,
            amount=body.get("amount") or _NOTHING,
            daily_cap=body.get("daily_cap") or _NOTHING,
        )
        kept = auto_top_up_set(organization=self.organization, actor=self.actor, terms=terms)
        return Response(auto_top_up_json(kept))


class InvoicePayView(TenantView):
    """Pay an invoice with the card."""

    permission = Permission.BILLING_MANAGE
    own_scopes = True

    def locate(self, request: Request, **ids: str) -> object:
        """Find the invoice."""
        with tenant_scope(self.organization):
            return invoice_payable(
                organization=self.organization, invoice_id=parse_id("inv_", ids["invoice_id"])
            )

    @extend_schema(
        operation_id="billing_invoices_pay",
        parameters=_KEY,
        request=None,
        responses=InvoiceOut,
    )
    def post(self, request: Request, invoice_id: str) -> Response:
        """Collect what is due from the card that is the default, at once."""
        _key(request)
        found = parse_id("inv_", invoice_id)
        tried = invoice_collect(organization=self.organization, invoice_id=found, automatic=False)
        if tried.failure == ProviderRefused.code:
            raise ProviderRefused
        if tried.state == AttemptState.FAILED:
            raise CardDeclined(f"The card was declined ({tried.failure}): use another one.")
        with tenant_scope(self.organization):
            row = invoices_rows(organization=self.organization).get(id=found)
            return Response(invoice_json(row))


class PaymentsView(TenantView):
    """What was collected, or was to be."""

    permission = Permission.BILLING_READ

    @extend_schema(
        operation_id="billing_payments_list", parameters=_PAGING, responses=PaymentListOut
    )
    def get(self, request: Request) -> Response:
        """List the payments, newest first."""
        cards = cards_by_ref(organization=self.organization)
        rows = attempts_rows(organization=self.organization)
        return Response(
            page(rows, request, prefix="pay_", render=lambda row: attempt_json(row, cards))
        )


class PaymentSettingsView(TenantView):
    """How this installation is paid."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_payment_settings", responses=PaymentSettingsOut)
    def get(self, request: Request) -> Response:
        """Say who collects, in which currency, and how much at once."""
        provider = "demo" if settings.ANNEAL_DEMO_BILLING else "stripe"
        return Response(settings_json(provider, currency_of(self.organization)))


def _key(request: Request) -> str:
    """Return the Idempotency-Key, which whatever moves money needs. Raises InvalidRequest."""
    key: str = request.headers.get(HEADER) or ""
    if not key or len(key) > 255 or not key.isprintable():
        raise InvalidRequest(f"Send the header {HEADER}: any text unique to this request.")
    return key
