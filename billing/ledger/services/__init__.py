"""The ledger's services: the same Postgres functions the gateway calls, one authority."""

from billing.ledger.services.grants import balance_grant, balance_grant_set
from billing.ledger.services.holds import hold_capture, hold_extend, hold_release, hold_take
from billing.ledger.services.upkeep import ledger_tidy

__all__ = [
    "balance_grant",
    "balance_grant_set",
    "hold_capture",
    "hold_extend",
    "hold_release",
    "hold_take",
    "ledger_tidy",
]
