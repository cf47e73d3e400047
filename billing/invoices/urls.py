"""Addresses of invoices, under `/v1/`."""

from django.urls import path

from billing.invoices.api.views import (
    CreditNotePdfView,
    CreditNotesView,
    CreditNoteView,
    InvoicePdfView,
    InvoicesView,
    InvoiceView,
    PlanChangeView,
    ProfileView,
    UpcomingView,
)

urlpatterns = [
    path("billing/invoices", InvoicesView.as_view()),
    path("billing/invoices/upcoming", UpcomingView.as_view()),
    path("billing/invoices/<str:invoice_id>", InvoiceView.as_view()),
    path("billing/invoices/<str:invoice_id>/pdf", InvoicePdfView.as_view()),
    path("billing/credit_notes", CreditNotesView.as_view()),
    path("billing/credit_notes/<str:credit_note_id>", CreditNoteView.as_view()),
    path("billing/credit_notes/<str:credit_note_id>/pdf", CreditNotePdfView.as_view()),
    path("billing/subscription/preview", PlanChangeView.as_view()),
    path("billing/profile", ProfileView.as_view()),
]
