"""The views of invoices."""

from dataclasses import asdict
from typing import Any, ClassVar, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import Download, TenantView, page
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Permission
from billing.invoices.api.render import (
    credit_note_json,
    credit_note_whole_json,
    invoice_json,
    invoice_whole_json,
    plan_change_json,
    upcoming_json,
)
from billing.invoices.api.schemas import (
    CreditNoteListOut,
    CreditNoteWholeOut,
    InvoiceListOut,
    InvoiceWholeOut,
    PdfQuery,
    PlanChangeIn,
    PlanChangeOut,
    ProfileIn,
    ProfileOut,
    UpcomingOut,
)
from billing.invoices.contracts import FapiaoKind, Profile
from billing.invoices.models import Invoice
from billing.invoices.pdf import credit_note_pdf, invoice_pdf
from billing.invoices.preview import plan_change_preview
from billing.invoices.selectors import (
    STATUSES,
    CreditNoteDocument,
    InvoiceDocument,
    credit_note_document,
    credit_notes_rows,
    invoice_document,
    invoices_rows,
    profile_get,
)
from billing.invoices.services import profile_set
from billing.invoices.upcoming import invoice_upcoming

_PAGING: Final = [
    OpenApiParameter("after", str, description="The last id seen."),
    OpenApiParameter("limit", int, description="1 to 100."),
]
_PDF: Final = {(200, "application/pdf"): OpenApiTypes.BINARY}


class InvoicesView(TenantView):
    """What was asked for."""

    permission = Permission.BILLING_READ

    @extend_schema(
        operation_id="billing_invoices_list",
        parameters=[*_PAGING, OpenApiParameter("status", str, enum=list(STATUSES))],
        responses=InvoiceListOut,
    )
    def get(self, request: Request) -> Response:
        """List the invoices."""
        status = request.query_params.get("status") or None
        if status is not None and status not in STATUSES:
            raise InvalidRequest(f"status is one of {', '.join(STATUSES)}.", param="status")
        rows = invoices_rows(organization=self.organization, status=status)
        return Response(page(rows, request, prefix="inv_", render=invoice_json))


class InvoiceView(TenantView):
    """One invoice."""

    permission = Permission.BILLING_READ
    located: InvoiceDocument

    def locate(self, request: Request, **ids: str) -> InvoiceDocument:
        """Find it among the organization's."""
        return invoice_document(
            organization=self.organization, invoice_id=parse_id("inv_", ids["invoice_id"])
        )

    @extend_schema(operation_id="billing_invoices_retrieve", responses=InvoiceWholeOut)
    def get(self, request: Request, invoice_id: str) -> Response:
        """Read an invoice with its lines, taxes, payments and credit notes."""
        return Response(invoice_whole_json(self.located))


class InvoicePdfView(InvoiceView):
    """One invoice as a document."""

    @extend_schema(operation_id="billing_invoices_pdf", parameters=[PdfQuery], responses=_PDF)
    def get(self, request: Request, invoice_id: str) -> Download:  # type: ignore[override] # bytes
        """Return the invoice as PDF, in English or Simplified Chinese."""
        document = invoice_pdf(self.located, language=_language(request, self.located.invoice))
        return Download(document, kind="application/pdf", name=f"{self.located.invoice.number}.pdf")


class UpcomingView(TenantView):
    """What the next invoice would be."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_invoices_upcoming", responses=UpcomingOut)
    def get(self, request: Request) -> Response:
        """Say what the next invoice would ask for, as of now."""
        return Response(upcoming_json(invoice_upcoming(organization=self.organization)))


class PlanChangeView(TenantView):
    """What another plan would cost."""

    permission = Permission.BILLING_READ

    @extend_schema(
        operation_id="billing_subscription_preview", request=PlanChangeIn, responses=PlanChangeOut
    )
    def post(self, request: Request) -> Response:
        """Say what changing the plan now would cost, by the change's own code; nothing changes."""
        body = self.body(PlanChangeIn)
        found = plan_change_preview(
            organization=self.organization,
            actor=self.actor,
            plan=body["plan"],
            time_zone=body.get("time_zone"),
        )
        return Response(plan_change_json(found))


class CreditNotesView(TenantView):
    """What was taken off invoices."""

    permission = Permission.BILLING_READ

    @extend_schema(
        operation_id="billing_credit_notes_list", parameters=_PAGING, responses=CreditNoteListOut
    )
    def get(self, request: Request) -> Response:
        """List the credit notes."""
        rows = credit_notes_rows(organization=self.organization)
        return Response(page(rows, request, prefix="cn_", render=credit_note_json))


class CreditNoteView(TenantView):
    """One credit note."""

    permission = Permission.BILLING_READ
    located: CreditNoteDocument

    def locate(self, request: Request, **ids: str) -> CreditNoteDocument:
        """Find it among the organization's."""
        return credit_note_document(
            organization=self.organization,
            credit_note_id=parse_id("cn_", ids["credit_note_id"]),
        )

    @extend_schema(operation_id="billing_credit_notes_retrieve", responses=CreditNoteWholeOut)
    def get(self, request: Request, credit_note_id: str) -> Response:
        """Read a credit note with its lines."""
        return Response(credit_note_whole_json(self.located))


class CreditNotePdfView(CreditNoteView):
    """One credit note as a document."""

    @extend_schema(operation_id="billing_credit_notes_pdf", parameters=[PdfQuery], responses=_PDF)
    def get(self, request: Request, credit_note_id: str) -> Download:  # type: ignore[override] # bytes
        """Return the credit note as PDF, in English or Simplified Chinese."""
        document = credit_note_pdf(
            self.located, language=_language(request, self.located.note.invoice)
        )
        return Download(document, kind="application/pdf", name=f"{self.located.note.number}.pdf")


class ProfileView(TenantView):
    """Whom invoices are made out to."""

    permission: ClassVar = {"GET": Permission.BILLING_READ, "PUT": Permission.BILLING_MANAGE}

    @extend_schema(operation_id="billing_profile_retrieve", responses=ProfileOut)
    def get(self, request: Request) -> Response:
        """Read the billing details."""
        return Response(_profile_json(profile_get(organization=self.organization)))

    @extend_schema(operation_id="billing_profile_update", request=ProfileIn, responses=ProfileOut)
    def put(self, request: Request) -> Response:
        """Keep the billing details; invoices that were made stay as they are."""
        body = self.body(ProfileIn)
        present = profile_get(organization=self.organization)
        wanted = Profile(
            **{"language": present.language}
            | body
            | {"fapiao_kind": FapiaoKind(body["fapiao_kind"])}
        )
        kept = profile_set(organization=self.organization, actor=self.actor, profile=wanted)
        return Response(_profile_json(kept))


def _profile_json(profile: Profile) -> dict[str, Any]:
    return {
        "object": "billing.profile",
        **asdict(profile),
        "fapiao_kind": profile.fapiao_kind.value,
    }


def _language(request: Request, invoice: Invoice) -> str:
    query = PdfQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    language: str = query.validated_data.get("language") or invoice.customer["language"]
    return language
