"""The ledger's scheduled work."""

from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from billing.ledger.reconcile import operators_alert, reconcile
from billing.ledger.services.upkeep import BATCH, ledger_tidy

_MOST_BATCHES = 20


@task(name="ledger.reap", queue="default", every=10.0)
def reap() -> None:
    """Release what nobody settled and end what is over, a batch per transaction."""
    for _ in range(_MOST_BATCHES):
        with system_scope("ledger reap"):
            ended = ledger_tidy()
        if ended < BATCH:
            return


@task(name="ledger.reconcile", queue="default", every=3600.0)
def reconcile_all() -> None:
    """Compare the books, and write to the operators when something new differs."""
    report = reconcile()
    if report.fresh:
        operators_alert(report)
