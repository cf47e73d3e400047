"""The scheduled work of payments."""

import logging
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from anneal.kernel.errors import DomainError
from anneal.kernel.scopes import OrganizationRef, system_scope
from anneal.kernel.tasks import task
from billing.payments.provider import provider_current
from billing.payments.services.attempts import (
    attempt_again,
    attempts_due,
    invoice_collect,
    page_look,
)
from billing.payments.services.auto_top_up import auto_top_up_look, organizations_to_top_up
from billing.payments.services.collecting import COLLECT_TASK, REFUND_TASK
from billing.payments.services.intake import PROCESS_TASK
from billing.payments.services.processing import event_process, events_due
from billing.payments.services.returning import refund_ask, refunds_due
from billing.payments.services.sweeping import events_sweep, pages_due
from tenants.accounts.models import Organization

logger = logging.getLogger(__name__)


@task(name=PROCESS_TASK, queue="default")
def event(ref: str) -> None:
    """Act on an event of the provider."""
    event_process(ref)


@task(name="payments.events", queue="default", every=30.0)
def events() -> None:
    """Act on the events that wait for another try."""
    with system_scope("payment events due"):
        refs = events_due()
    for ref in refs:
        event_process(ref)


@task(name="payments.sweep", queue="default", every=600.0)
def sweep() -> None:
    """Ask the provider for events that never arrived, and for pages that ended unheard."""
    events_sweep()
    _each("payment pages due", pages_due, _page)


@task(name=COLLECT_TASK, queue="default")
def collect(organization_id: str, slug: str, invoice_id: str) -> None:
    """Collect an invoice from the card; what cannot be done now the ladder or a retry does."""
    organization = OrganizationRef(id=UUID(organization_id), slug=slug)
    try:
        invoice_collect(organization=organization, invoice_id=UUID(invoice_id), automatic=True)
    except DomainError as error:
        logger.info("payment not collected: %s", error.code, extra={"invoice": invoice_id})


@task(name=REFUND_TASK, queue="default")
def refund(organization_id: str, slug: str, refund_id: str) -> None:
    """Send a refund."""
    organization = OrganizationRef(id=UUID(organization_id), slug=slug)
    refund_ask(organization=organization, refund_id=UUID(refund_id))


@task(name="payments.retry", queue="default", every=60.0)
def retry() -> None:
    """Ask again for answers that did not come."""
    _each("payment attempts due", attempts_due, _attempt)
    _each("refunds due", refunds_due, _refund)


@task(name="payments.auto_top_up", queue="default", every=60.0)
def auto_top_up() -> None:
    """Buy credit where a balance is below its threshold."""
    last: UUID | None = None
    while True:
        with system_scope("auto top-up"):
            ids = organizations_to_top_up(after=last)
        _work("auto top-up", ((each, None) for each in ids), _top_up)
        if not ids:
            return
        last = ids[-1]


def _page(organization: OrganizationRef, ref: str) -> None:
    page_look(organization, provider_current(), ref)


def _attempt(organization: OrganizationRef, attempt_id: UUID) -> None:
    attempt_again(organization=organization, attempt_id=attempt_id)


def _refund(organization: OrganizationRef, refund_id: UUID) -> None:
    refund_ask(organization=organization, refund_id=refund_id)


def _top_up(organization: OrganizationRef, _: None) -> None:
    auto_top_up_look(organization=organization)


def _each(
    reason: str,
    due: Callable[[], list[tuple[UUID, Any]]],
    work: Callable[[OrganizationRef, Any], None],
) -> None:
    with system_scope(reason):
        found = due()
    _work(reason, found, work)


def _work(
    reason: str,
    found: Iterable[tuple[UUID, Any]],
    work: Callable[[OrganizationRef, Any], None],
) -> None:
    """Do each one's work; one that fails keeps nobody else from theirs."""
    pairs = list(found)
    with system_scope(reason):
        rows = Organization.objects.filter(id__in={each for each, _ in pairs})
        slugs = dict(rows.values_list("id", "slug"))
    for organization_id, what in pairs:
        try:
            work(OrganizationRef(id=organization_id, slug=slugs[organization_id]), what)
        except Exception:
            logger.exception("%s failed", reason, extra={"organization": str(organization_id)})
