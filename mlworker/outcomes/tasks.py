"""The scheduled work of predictions under contract."""

from functools import partial
from typing import Final

from anneal.kernel import clock
from anneal.kernel.rounds import Due, due_each
from anneal.kernel.scopes import tenant_scope
from anneal.kernel.tasks import task
from billing.outcomes.contracts import OutcomeKind
from billing.outcomes.selectors import contracts_counted, outcomes_due
from mlworker.outcomes.predictions import contract_days_count, outcome_settle

_KIND: Final = OutcomeKind.CONFIRMED_PREDICTION


@task(name="outcomes.count", queue="default", every=900.0)
def count() -> None:
    """Write down the days that are over, a contract per transaction."""
    counted = partial(contracts_counted, kind=_KIND, at=clock.now())
    due_each(reason="outcomes.count", due=counted, work=_count)


@task(name="outcomes.settle", queue="default", every=300.0)
def settle() -> None:
    """Settle the days whose feedback no longer counts, one per transaction."""
    due = partial(outcomes_due, kind=_KIND, at=clock.now())
    due_each(reason="outcomes.settle", due=due, work=_settle)


def _count(due: Due) -> None:
    with tenant_scope(due.organization):
        contract_days_count(organization=due.organization, contract_id=due.id)


def _settle(due: Due) -> None:
    with tenant_scope(due.organization):
        outcome_settle(organization=due.organization, outcome_id=due.id)
