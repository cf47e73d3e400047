"""The tables of payments."""

from billing.payments.models.customers import AutoTopUp, PaymentCustomer, PaymentMethod
from billing.payments.models.exports import MeterExport, MeterExportSpan
from billing.payments.models.money import CheckoutSession, Dispute, Payment, PaymentAttempt, Refund
from billing.payments.models.provider import DemoObject, ProviderEventRow, SweepCursor

__all__ = [
    "AutoTopUp",
    "CheckoutSession",
    "DemoObject",
    "Dispute",
    "MeterExport",
    "MeterExportSpan",
    "Payment",
    "PaymentAttempt",
    "PaymentCustomer",
    "PaymentMethod",
    "ProviderEventRow",
    "Refund",
    "SweepCursor",
]
