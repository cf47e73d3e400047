"""Django's entry to invoices."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Hears of plans' periods and of accounts that are freed; lets webhooks hear of invoices."""

    name = "billing.invoices"
    label = "invoices"
    verbose_name = "Invoices"

    def ready(self) -> None:
        """Subscribe to what asks for invoices, or must wait for their payment."""
        # Services import models, which exist only now.
        from anneal.kernel.events import (  # noqa: PLC0415
            AccountFreed,
            CreditLineGiven,
            InvoiceFinalized,
            InvoiceGivenUp,
            InvoicePaid,
            PeriodCut,
            PeriodOpened,
            subscribe,
        )
        from billing.invoices import fees, fees_unpaid, mails, public_events  # noqa: PLC0415
        from billing.invoices.services import dunning, schedule  # noqa: PLC0415

        subscribe(PeriodOpened, fees.period_opened)
        subscribe(CreditLineGiven, schedule.credit_line_given)
        subscribe(PeriodCut, fees.period_cut)
        subscribe(InvoiceGivenUp, fees_unpaid.invoice_given_up)
        subscribe(InvoicePaid, fees_unpaid.invoice_paid)
        subscribe(InvoiceFinalized, mails.invoice_finalized)
        subscribe(AccountFreed, dunning.account_freed)
        public_events.register()
