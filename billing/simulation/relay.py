"""What an installation's workers do in the year: deliver events and run what services asked for."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from math import ceil
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from billing.invoices.models import Dunning, Invoice, InvoiceLine
from billing.invoices.services.ladder import RESTORE_TASK, SUSPEND_TASK
from billing.invoices.tasks import dun, restore, suspend
from billing.payments import tasks as payments
from billing.payments.errors import ProviderAway
from billing.payments.services.collecting import COLLECT_TASK
from billing.payments.services.intake import PROCESS_TASK, event_keep
from billing.payments.services.returning import REFUND_TASK
from billing.simulation.chargebacks import chargebacks_learn
from billing.simulation.customers import DECIMALS, Customer, Disagreement, coins
from billing.simulation.world import World

_TASKS: Final[dict[str, Callable[..., None]]] = {
    COLLECT_TASK: payments.collect,
    PROCESS_TASK: payments.event,
    REFUND_TASK: payments.refund,
    RESTORE_TASK: restore,
    SUSPEND_TASK: suspend,
}
_LOGGERS: Final = (
    "billing.invoices.tasks",
    "billing.outcomes.services.charging",
    "billing.payments.services.processing",
    "billing.payments.tasks",
    "anneal.kernel.rounds",
)
_TAKEN: Final = """
WITH taken AS (
  UPDATE kernel_outboxmessage SET sent_at = %s WHERE sent_at IS NULL RETURNING id, task, payload)
SELECT task, payload::text FROM taken ORDER BY id
"""


class Complaints(logging.Filter):
    """Keeps what scheduled work says has failed, for these customers.

    A bank that is away for a moment is none; nor are organizations that it never heard of.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def filter(self, record: logging.LogRecord) -> bool:
        """Take a record out of the log."""
        fault = record.exc_info[1] if record.exc_info else None
        owner = getattr(record, "organization", None)
        ours = owner is None or UUID(owner) in self._world.by_id
        if ours and record.levelno >= logging.ERROR and not isinstance(fault, ProviderAway):
            self._world.complaints.append(f"{record.getMessage()}: {fault!r}")
        return False

    def __enter__(self) -> "Complaints":
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)


def outbox_clear(now: datetime) -> None:
    """Take what was asked for before the year: it is none of this bank's."""
    _asked(now)


def relay(world: World, now: datetime) -> None:
    """Deliver the bank's events and run what was asked for, until nothing more follows."""
    if _run(world, now):
        _learn(world)


def patrol(world: World, now: datetime) -> None:
    """Do what an installation's scheduler does: mend what got lost, climb ladders, buy credit."""
    with clock.frozen(now):
        payments.sweep()
        payments.retry()
        payments.events()
        dun()
        payments.auto_top_up()
    _run(world, now)
    _learn(world)


def _run(world: World, now: datetime) -> bool:
    """Do what waits and what follows from it; say whether there was anything."""
    did = False
    with clock.frozen(now):
        more = True
        while more:
            arrived = world.bank.live()
            for event in arrived:
                with system_scope("simulation"):
                    world.count("events of the bank told twice", not event_keep(event))
            asked = _asked(now)
            for task, payload in asked:
                work: Callable[..., None] = _TASKS.get(task, _nowhere)
                with suppress(ProviderAway):  # the worker's log has it, and the patrol mends it
                    work(**payload)
            more = bool(arrived or asked)
            did = did or more
    return did


def _learn(world: World) -> None:
    """Tell the models what came of it."""
    chargebacks_learn(world)
    world.learn()
    invoices_learn(world)
    _parking_learn(world)


def _nowhere(**_: Any) -> None:
    """Lose a mail or a webhook: nobody outside lives in the year."""


def invoices_learn(world: World) -> None:
    """Compare the discounts of invoices that were made since; the model takes off the same."""
    with system_scope("simulation"):
        rows = Invoice.objects.filter(status="final").order_by("id")
        if world.newest_invoice is not None:
            rows = rows.filter(id__gt=world.newest_invoice)
        found = list(rows)
    for row in found:
        world.newest_invoice = row.id
        customer = world.by_id.get(row.organization_id)
        if customer is None:
            continue
        world.count("invoices")
        if row.kind != "top_up":
            _discounts_compare(customer, row)


def _discounts_compare(customer: Customer, invoice: Invoice) -> None:
    with system_scope("simulation"):
        lines = list(
            InvoiceLine.objects.filter(invoice_id=invoice.id)
            .order_by("position")
            .values_list("kind", "amount_minor")
        )
    found = [-minor for kind, minor in lines if kind == "discount"]
    left = sum(minor for kind, minor in lines if kind != "discount")
    # What is given back of fees and outcomes is what they were asked for with.
    sold = sum(minor for kind, minor in lines if minor > 0 or kind == "usage")
    expected = []
    for rebate in customer.account.rebates.values():
        if left <= 0:
            break
        of = left if rebate.percent is None else min(sold, ceil(left * 100 / rebate.percent))
        amount = coins(of, invoice.currency)
        off = rebate.draw(f"invoice:{invoice.id}", amount, invoice.currency)
        exact = off.scaleb(DECIMALS.get(invoice.currency, 2))
        minor = min(int((exact * 2 + 1) // 2), left)
        left, sold = left - minor, sold - minor
        if minor:
            expected.append(minor)
    if found != expected:
        raise Disagreement(f"{invoice.number}: {found} came off, not {expected}")


def _parking_learn(world: World) -> None:
    """Tell the models whom a ladder's end has parked, and whom a payment has freed."""
    unpaid = unpaid_owners()
    for customer in world.customers:
        account, owes = customer.account, customer.ref.id in unpaid
        if owes and not account.parked:
            account.parked = account.unpaid = True
            world.count("accounts suspended")
        elif account.unpaid and not owes:
            account.parked = account.unpaid = False
            world.count("accounts restored")


def unpaid_owners() -> set[UUID]:
    """Return who has a ladder that ended without payment."""
    with system_scope("simulation"):
        ladders = Dunning.objects.filter(suspended_at__isnull=False, ended_at__isnull=True)
        return set(ladders.values_list("organization_id", flat=True))


def _asked(now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Take what waits in the outbox, oldest first."""
    with system_scope("simulation"), connection.cursor() as cursor:
        cursor.execute(_TAKEN, [now])
        return [(task, json.loads(payload)) for task, payload in cursor.fetchall()]
