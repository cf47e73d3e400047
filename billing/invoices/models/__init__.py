"""The tables of invoices: what is final never changes, which triggers in Postgres see to."""

from billing.invoices.models.dunning import Dunning, DunningStep, InvoiceSchedule
from billing.invoices.models.invoices import (
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    InvoiceTax,
)
from billing.invoices.models.notes import CreditNote, CreditNoteLine
from billing.invoices.models.parties import BillingProfile, NumberSeries, Seller, TaxRate

__all__ = [
    "BillingProfile",
    "CreditNote",
    "CreditNoteLine",
    "Dunning",
    "DunningStep",
    "Invoice",
    "InvoiceItem",
    "InvoiceLine",
    "InvoicePayment",
    "InvoiceSchedule",
    "InvoiceTax",
    "NumberSeries",
    "Seller",
    "TaxRate",
]
