"""Django's entry to payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Collects what is owed, and sends back what is to go back."""

    name = "billing.payments"
    label = "payments"
    verbose_name = "Payments"

    def ready(self) -> None:
        """Subscribe to what invoices and plans say."""
        # Services import models, which exist only now.
        from anneal.kernel.events import (  # noqa: PLC0415
            CreditNoteIssued,
            InvoiceFinalized,
            PaymentExcess,
            PaymentRetryDue,
            PlanPaying,
            subscribe,
        )
        from billing.payments.services import collecting  # noqa: PLC0415

        subscribe(PlanPaying, collecting.plan_paying)
        subscribe(InvoiceFinalized, collecting.invoice_finalized)
        subscribe(PaymentRetryDue, collecting.payment_retry_due)
        subscribe(CreditNoteIssued, collecting.credit_note_issued)
        subscribe(PaymentExcess, collecting.payment_excess)
