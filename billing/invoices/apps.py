"""Django's entry to invoices."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Hears of plans' periods, and lets webhooks hear of invoices."""

    name = "billing.invoices"
    label = "invoices"
    verbose_name = "Invoices"

    def ready(self) -> None:
        """Subscribe to periods that begin or are cut."""
        # Services import models, which exist only now.
        from anneal.kernel.events import (  # noqa: PLC0415
            CreditLineGiven,
            InvoiceFinalized,
            PeriodCut,
            PeriodOpened,
            subscribe,
        )
        from billing.invoices import fees, mails, public_events  # noqa: PLC0415
        from billing.invoices.services import schedule  # noqa: PLC0415

        subscribe(PeriodOpened, fees.period_opened)
        subscribe(CreditLineGiven, schedule.credit_line_given)
        subscribe(PeriodCut, fees.period_cut)
        subscribe(InvoiceFinalized, mails.invoice_finalized)
        public_events.register()
