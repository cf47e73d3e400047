"""The scheduled work of payments."""

import logging
from datetime import datetime
from uuid import UUID

from anneal.kernel.errors import DomainError
from anneal.kernel.rounds import Due, due_each
from anneal.kernel.scopes import OrganizationRef, system_scope
from anneal.kernel.tasks import task
from billing.payments.errors import ProviderAway
from billing.payments.mails import pause_mail
from billing.payments.services.attempts import (
    attempt_again,
    attempts_due,
    invoice_collect,
)
from billing.payments.services.auto_top_up import auto_top_up_look, auto_top_ups_due
from billing.payments.services.collecting import COLLECT_TASK
from billing.payments.services.export_freeze import exports_freeze
from billing.payments.services.export_send import exports_send
from billing.payments.services.intake import PROCESS_TASK
from billing.payments.services.pages import page_look
from billing.payments.services.pausing import MAIL_TASK
from billing.payments.services.processing import event_process, events_due
from billing.payments.services.refused import attempt_refused_again, attempts_refused_due
from billing.payments.services.returning import REFUND_TASK, refund_ask, refunds_due
from billing.payments.services.sweeping import events_sweep, pages_due

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
    try:
        events_sweep()
    except ProviderAway:
        logger.info("payment events not swept: the provider does not answer")
        return
    due_each(reason="payments.pages", due=pages_due, work=_page)


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
    """Ask again for answers that did not come, and where the set-up was at fault."""
    due_each(reason="payments.attempts", due=attempts_due, work=_attempt)
    due_each(reason="payments.refused", due=attempts_refused_due, work=_refused)
    due_each(reason="payments.refunds", due=refunds_due, work=_refund)


@task(name=MAIL_TASK, queue="default")
def mail_pause(organization_id: str, slug: str, reason: str, until: str) -> None:
    """Tell those who look after money that credit is not bought by itself for a while."""
    organization = OrganizationRef(id=UUID(organization_id), slug=slug)
    pause_mail(organization=organization, reason=reason, until=datetime.fromisoformat(until))


@task(name="payments.auto_top_up", queue="default", every=60.0)
def auto_top_up() -> None:
    """Buy credit where a balance is below its threshold."""
    due_each(reason="payments.auto_top_up", due=auto_top_ups_due, work=_top_up)


@task(name="payments.exports", queue="default", every=300.0)
def exports() -> None:
    """Tell Stripe's meters what was used, where the setting names any."""
    exports_freeze()
    exports_send()


def _page(due: Due) -> None:
    page_look(organization=due.organization, checkout_id=due.id)


def _attempt(due: Due) -> None:
    attempt_again(organization=due.organization, attempt_id=due.id)


def _refused(due: Due) -> None:
    attempt_refused_again(organization=due.organization, attempt_id=due.id)


def _refund(due: Due) -> None:
    refund_ask(organization=due.organization, refund_id=due.id)


def _top_up(due: Due) -> None:
    auto_top_up_look(organization=due.organization)
