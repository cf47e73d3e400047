"""From rows to what may cross the ledger's border."""

from billing.ledger.contracts import GrantInfo
from billing.ledger.models import Grant, Notice


def grant_info(row: Grant) -> GrantInfo:
    """Copy a row into the shape other apps may hold."""
    return GrantInfo(
        id=row.id,
        unit=row.unit,
        kind=row.kind,
        amount=row.amount,
        priority=row.priority,
        effective_at=row.effective_at,
        expires_at=row.expires_at,
        source=row.source,
        available=row.amount - row.held - row.consumed - row.expired - row.voided,
    )


def notice_rule(row: Notice) -> str:
    """Return a notice's rule without the mark of one that was told for an earlier amount."""
    return ":".join(row.rule.split(":")[:2])
