"""The scheduled work of plans."""

from anneal.kernel.rounds import Due, due_each
from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from billing.plans.services.cancellation import rests_due, rests_void
from billing.plans.services.renewal import subscription_renew, subscriptions_due


@task(name="plans.renew", queue="default", every=10.0)
def renew() -> None:
    """Open the periods that have begun, a subscription per transaction.

    Often, since until then nobody has the new period's units; what holds have let go of since a
    plan was left at once is taken back then too.
    """
    due_each(reason="plans.renew", due=subscriptions_due, work=_renew)
    due_each(reason="plans.rests", due=rests_due, work=_void)


def _renew(due: Due) -> None:
    with system_scope("plans renew"):
        subscription_renew(subscription_id=due.id)


def _void(due: Due) -> None:
    with system_scope("plans rests"):
        rests_void(subscription_id=due.id)
