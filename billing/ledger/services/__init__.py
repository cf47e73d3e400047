"""The ledger's services: the same Postgres functions the gateway calls, one authority."""

from billing.ledger.services.charges import usage_charge
from billing.ledger.services.faults import BOOK_ERRORS, books_fault
from billing.ledger.services.grants import balance_grant, balance_grant_set, balance_void
from billing.ledger.services.holds import (
    hold_capture,
    hold_capture_segment,
    hold_check,
    hold_extend,
    hold_get,
    hold_quote,
    hold_release,
    hold_take,
)
from billing.ledger.services.limits import limit_remove, limit_set
from billing.ledger.services.parking import account_park, account_unpark
from billing.ledger.services.refunds import hold_refund
from billing.ledger.services.upkeep import calls_forget, grants_end, holds_expire

__all__ = [
    "BOOK_ERRORS",
    "account_park",
    "account_unpark",
    "balance_grant",
    "balance_grant_set",
    "balance_void",
    "books_fault",
    "calls_forget",
    "grants_end",
    "hold_capture",
    "hold_capture_segment",
    "hold_check",
    "hold_extend",
    "hold_get",
    "hold_quote",
    "hold_refund",
    "hold_release",
    "hold_take",
    "holds_expire",
    "limit_remove",
    "limit_set",
    "usage_charge",
]
