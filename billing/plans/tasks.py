"""The scheduled work of plans."""

import logging
from uuid import UUID

from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from billing.plans.services.cancellation import rests_due, rests_void
from billing.plans.services.renewal import subscription_renew, subscriptions_due

logger = logging.getLogger(__name__)


@task(name="plans.renew", queue="default", every=10.0)
def renew() -> None:
    """Open the periods that have begun, a subscription per transaction.

    Often, since until then nobody has the new period's units; what holds have let go of since a
    plan was left at once is taken back then too. One that cannot be renewed is told of
    and does not keep the others from theirs.
    """
    last: UUID | None = None
    while due := _due(last):
        for subscription_id in due:
            try:
                with system_scope("plans renew"):
                    subscription_renew(subscription_id=subscription_id)
            except Exception:
                logger.exception("plans.renew_failed", extra={"subscription": str(subscription_id)})
        last = due[-1]
    with system_scope("plans rests"):
        left = rests_due()
    for subscription_id in left:
        try:
            with system_scope("plans rests"):
                rests_void(subscription_id=subscription_id)
        except Exception:
            logger.exception("plans.rests_failed", extra={"subscription": str(subscription_id)})


def _due(after: UUID | None) -> list[UUID]:
    with system_scope("plans renew"):
        return subscriptions_due(after=after)
