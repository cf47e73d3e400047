"""The ledger's scheduled work."""

from uuid import UUID

from anneal.kernel.rounds import Due, due_each
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.tasks import task
from billing.ledger.notices import notice_mail, notices_announce, organizations_to_tell
from billing.ledger.reconcile import fault_alert, operators_alert, reconcile
from billing.ledger.services.faults import FAULT_TASK
from billing.ledger.services.upkeep import BATCH, calls_forget, grants_end, holds_expire

_MOST_BATCHES = 20


@task(name="ledger.reap", queue="default", every=10.0)
def reap() -> None:
    """Release what nobody settled, end and forget what is over, a batch per transaction."""
    for end in (holds_expire, grants_end, calls_forget):
        for _ in range(_MOST_BATCHES):
            if end() < BATCH:
                break


@task(name="ledger.reconcile", queue="default", every=3600.0)
def reconcile_all() -> None:
    """Compare the books that changed, once a day all; write to the operators what is new."""
    report = reconcile(changed=True)
    if report.fresh:
        operators_alert(report)


@task(name=FAULT_TASK, queue="default")
def fault(organization_id: str, slug: str) -> None:
    """Compare the books that refused a booking, and write to the operators."""
    fault_alert(OrganizationRef(id=UUID(organization_id), slug=slug))


@task(name="ledger.notify", queue="default", every=10.0)
def notify() -> None:
    """Announce thresholds that were reached: the event, and a mail through the outbox."""
    due_each(reason="ledger.notify", due=organizations_to_tell, work=_announce)


@task(name="ledger.notice_mail", queue="default")
def mail(organization_id: str, slug: str, notice_id: str) -> None:
    """Mail one notice. Asked for twice, it is mailed once."""
    organization = OrganizationRef(id=UUID(organization_id), slug=slug)
    notice_mail(organization=organization, notice_id=UUID(notice_id))


def _announce(due: Due) -> None:
    with tenant_scope(due.organization):
        notices_announce(organization=due.organization)
