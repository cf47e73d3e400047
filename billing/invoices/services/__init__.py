"""The services of invoices."""

from billing.invoices.services.closing import invoices_close
from billing.invoices.services.credit_notes import credit_note_issue
from billing.invoices.services.dunning import (
    account_restore,
    account_suspend,
    dunning_advance,
    dunning_failed,
    dunning_wait,
)
from billing.invoices.services.items import item_add, item_dispute, item_get, item_uphold
from billing.invoices.services.operator import (
    invoice_draft,
    invoice_finalize,
    invoice_give_up,
    invoice_void,
)
from billing.invoices.services.parties import (
    profile_set,
    seller_set,
    tax_rate_add,
    tax_rate_end,
)
from billing.invoices.services.payments import (
    invoice_payable,
    invoice_payment_apply,
    invoice_payment_unapply,
    invoice_regained,
    invoice_top_up,
)
from billing.invoices.services.returns import invoice_charged_back, invoice_refunded
from billing.invoices.services.reversing import item_reverse

__all__ = [
    "account_restore",
    "account_suspend",
    "credit_note_issue",
    "dunning_advance",
    "dunning_failed",
    "dunning_wait",
    "invoice_charged_back",
    "invoice_draft",
    "invoice_finalize",
    "invoice_give_up",
    "invoice_payable",
    "invoice_payment_apply",
    "invoice_payment_unapply",
    "invoice_refunded",
    "invoice_regained",
    "invoice_top_up",
    "invoice_void",
    "invoices_close",
    "item_add",
    "item_dispute",
    "item_get",
    "item_reverse",
    "item_uphold",
    "profile_set",
    "seller_set",
    "tax_rate_add",
    "tax_rate_end",
]
