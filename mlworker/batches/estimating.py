"""What a batch would cost, from its file."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from typing import BinaryIO, Final

from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_open
from mlworker.batches.asking import form_of, input_file, member_of
from mlworker.batches.charging import batch_quote, list_price
from mlworker.batches.contracts import CHANNEL, BatchRequest, Estimate
from mlworker.batches.errors import BatchInputGone
from mlworker.batches.opening import file_count, source_open
from mlworker.batches.serves import Serves, serves_find
from mlworker.batches.working import Counted
from tenants.datasets.contracts import FileInfo
from tenants.datasets.limits import configured

SAMPLE_REQUESTS: Final = 20_000
"""Rows that are read of a file that is too long to be read in a request."""


def batch_estimate(
    *, organization: OrganizationRef, actor: Actor, request: BatchRequest
) -> Estimate:
    """Say what a batch would cost and whether the balance allows it, without starting it.

    Opens its own scopes, and none while the file is read: that takes seconds of a store's time.
    Raises what creating it and reading its file would: ModelNotFound, UploadRefused, ...
    """
    with tenant_scope(organization):
        found = input_file(organization, request)
    counted, bad, share = _counted(found, request)
    with tenant_scope(organization):
        return _estimate(organization, actor, request, counted, bad=bad, share=share)


def _estimate(
    organization: OrganizationRef,
    actor: Actor,
    request: BatchRequest,
    counted: Counted,
    *,
    bad: int,
    share: Decimal,
) -> Estimate:
    serves = serves_find(organization=organization, endpoint=request.endpoint, model=counted.model)
    items = round(counted.items * share)
    online = list_price(organization=organization, items=items, serves=serves, channel="online")
    price, currency, reason = Decimal(0), online.currency, None
    if items:
        price, currency, reason = _price(organization, actor, serves, items, currency)
    return Estimate(
        form=form_of(request),
        requests=round(counted.requests * share),
        items=items,
        bad=round(bad * share),
        exact=share == 1,
        model=counted.model,
        columns=counted.columns,
        text_column=counted.text_column,
        price=price,
        online_price=online.amount,
        currency=currency,
        allowed=reason is None,
        reason=reason,
    )


def _price(
    organization: OrganizationRef, actor: Actor, serves: Serves, items: int, currency: str
) -> tuple[Decimal, str, str | None]:
    """Return what is to be paid beyond grants, in which currency, and why it would be refused."""
    told = batch_quote(
        organization=organization,
        items=items,
        serves=serves,
        api_key_id=actor.id if actor.kind == "api_key" else None,
        member_id=member_of(organization, actor),
    )
    if told.cost is not None:
        return told.cost, told.currency or currency, told.refusal
    # Nothing to pay with, or a price that holds cannot say: the rest by the list.
    rest = max(items - told.available, Decimal(0))
    listed = list_price(organization=organization, items=rest, serves=serves, channel=CHANNEL)
    return listed.amount, listed.currency, told.refusal


def _counted(found: FileInfo, request: BatchRequest) -> tuple[Counted, int, Decimal]:
    """Return what the file holds, how many bad rows, and what share of it was read, inverted."""
    most = None if found.bytes <= configured().quick_bytes else SAMPLE_REQUESTS
    with _opened(found) as stored:
        source = source_open(
            stored,
            found.filename,
            form=form_of(request),
            endpoint=request.endpoint,
            column=request.text_column,
        )
        counted, bad = file_count(source, islice(source.entries(), most), model=request.model)
        if most is None or counted.requests < most:
            return counted, bad, Decimal(1)
        if source.rows is not None:
            return counted, bad, Decimal(source.rows) / counted.requests
        return counted, bad, max(Decimal(found.bytes) / max(stored.tell(), 1), Decimal(1))


@contextmanager
def _opened(found: FileInfo) -> Iterator[BinaryIO]:
    try:
        stored = object_open(found.storage_key)
    except FileNotFoundError as fault:
        raise BatchInputGone(param="input_file_id") from fault
    with stored:
        yield stored
