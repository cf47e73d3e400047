"""The scheduled work of payments."""

from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from billing.payments.services.intake import PROCESS_TASK
from billing.payments.services.processing import event_process, events_due


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
