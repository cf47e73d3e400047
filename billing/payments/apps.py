"""Django's entry to payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Collects what is owed, and sends back what is to go back."""

    name = "billing.payments"
    label = "payments"
    verbose_name = "Payments"

    def ready(self) -> None:
        """Subscribe to what invoices and plans say, and bear witness to what the provider has."""
        # Services import models, which exist only now.
        from anneal.kernel.events import (  # noqa: PLC0415
            CreditNoteIssued,
            InvoiceFinalized,
            PaymentExcess,
            PaymentRetryDue,
            PlanPaying,
            subscribe,
        )
        from billing.ledger.reconcile import witness_add  # noqa: PLC0415
        from billing.payments import public_events  # noqa: PLC0415
        from billing.payments.reconcile import provider_drift  # noqa: PLC0415
        from billing.payments.services import collecting  # noqa: PLC0415

        subscribe(PlanPaying, collecting.plan_paying)
        subscribe(InvoiceFinalized, collecting.invoice_finalized)
        subscribe(PaymentRetryDue, collecting.payment_retry_due)
        subscribe(CreditNoteIssued, collecting.credit_note_issued)
        witness_add(provider_drift)
        public_events.register()
        subscribe(PaymentExcess, collecting.payment_excess)
