"""A batch's money: its price is held when its rows are counted, charged by chunk as they are
answered, and the rest is released at its end. Rows that could not be answered cost nothing.

Each function runs in the transaction that changes the batch, on its locked row.
"""

from decimal import Decimal
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef
from billing.ledger.contracts import HoldQuote
from billing.ledger.selectors import account_get
from billing.ledger.services import (
    hold_capture_segment,
    hold_quote,
    hold_refund,
    hold_release,
    hold_take,
)
from billing.prices.contracts import Quote
from billing.prices.currency import DEFAULT
from billing.prices.errors import MeterUnknown
from billing.prices.services import price_quote
from mlworker.batches.contracts import BATCH_PREFIX, METER, SOURCE
from mlworker.batches.limits import HOLD_MARGIN
from mlworker.batches.models import Batch
from mlworker.batches.rows import owner_of
from mlworker.batches.serves import Serves


def batch_hold(row: Batch, serves: Serves) -> None:
    """Hold the price of the batch's items; the caller saves.

    Raises QuotaExhausted, LimitReached, AccountParked, OrganizationSuspended.
    """
    if row.items == 0:
        return
    ends = row.expires_at + HOLD_MARGIN - clock.now()
    hold = hold_take(
        organization=owner_of(row),
        unit=METER,
        amount=row.items,
        key=public_id(BATCH_PREFIX, row.id),
        ttl_seconds=ends.total_seconds(),
        source=SOURCE,
        dims=serves.dims,
        api_key_id=row.api_key_id,
        member_id=row.member_id,
    )
    row.hold_id = hold.id


def chunk_charge(row: Batch, serves: Serves, *, number: int, items: int) -> None:
    """Charge a chunk's items; each chunk of a batch once, by its usage event's name."""
    if row.hold_id is None or items == 0:
        return
    hold_capture_segment(
        organization=owner_of(row),
        hold_id=row.hold_id,
        segment=f"{public_id(BATCH_PREFIX, row.id)}:{number}",
        amount=items,
        source=SOURCE,
        model=serves.version,
        api_key_id=row.api_key_id,
        dims={"base": serves.base, **serves.dims},
    )
    row.charged += items


def rest_release(row: Batch) -> None:
    """Give back what no chunk has used."""
    if row.hold_id is not None:
        hold_release(organization=owner_of(row), hold_id=row.hold_id)


def lost_refund(row: Batch, *, items: int) -> None:
    """Give back what was charged for answers that are gone; the caller saves."""
    if row.hold_id is None or items == 0:
        return
    hold_refund(
        organization=owner_of(row),
        hold_id=row.hold_id,
        amount=items,
        key=f"{public_id(BATCH_PREFIX, row.id)}:lost",
        reason="Stored answers were gone when the batch ended.",
    )
    row.charged -= items


def batch_quote(
    *,
    organization: OrganizationRef,
    items: int,
    serves: Serves,
    api_key_id: UUID | None,
    member_id: UUID | None,
) -> HoldQuote:
    """Say how the hold of so many items would be answered."""
    return hold_quote(
        organization=organization,
        unit=METER,
        amount=items,
        dims=serves.dims,
        api_key_id=api_key_id,
        member_id=member_id,
    )


def list_price(
    *, organization: OrganizationRef, items: Decimal | int, serves: Serves, channel: str
) -> Quote:
    """Return the list's amount: in the account's currency, without prices in that in the list's."""

    def quote(currency: str) -> Quote:
        return price_quote(
            meter=METER,
            units=items,
            organization=organization,
            dims={**serves.dims, "channel": channel},
            currency=currency,
        )

    try:
        return quote(account_get(organization=organization).currency or DEFAULT)
    except MeterUnknown:
        return quote(DEFAULT)
