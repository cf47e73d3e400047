"""The ledger's tables. Postgres functions are their only writers: the application may read.

Limits are the exception: what is limited is an organization's own setting, what was counted is not.
"""

from billing.ledger.models.accounts import (
    CustomerAccount,
    LimitCount,
    LimitScope,
    LimitWindow,
    Notice,
    SpendingLimit,
)
from billing.ledger.models.entries import Account, EntryKind, LedgerEntry
from billing.ledger.models.grants import Balance, Grant, GrantKind
from billing.ledger.models.holds import (
    CaptureRefund,
    Hold,
    HoldState,
    KeyedCall,
    RatedUsage,
)

__all__ = [
    "Account",
    "Balance",
    "CaptureRefund",
    "CustomerAccount",
    "EntryKind",
    "Grant",
    "GrantKind",
    "Hold",
    "HoldState",
    "KeyedCall",
    "LedgerEntry",
    "LimitCount",
    "LimitScope",
    "LimitWindow",
    "Notice",
    "RatedUsage",
    "SpendingLimit",
]
