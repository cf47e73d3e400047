"""The scheduled work of predictions under contract."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.tasks import task
from billing.outcomes.contracts import OutcomeKind
from billing.outcomes.selectors import contracts_counted, outcomes_due
from mlworker.outcomes.predictions import contract_days_count, outcome_settle
from tenants.accounts.models import Organization

logger = logging.getLogger(__name__)

_KIND = OutcomeKind.CONFIRMED_PREDICTION


@task(name="outcomes.count", queue="default", every=900.0)
def count() -> None:
    """Write down the days that are over, a contract per transaction."""
    _each(
        "outcomes count",
        lambda after: contracts_counted(kind=_KIND, at=clock.now(), after=after),
        lambda organization, each: contract_days_count(organization=organization, contract_id=each),
    )


@task(name="outcomes.settle", queue="default", every=300.0)
def settle() -> None:
    """Settle the days whose feedback no longer counts, one per transaction."""
    _each(
        "outcomes settle",
        lambda after: outcomes_due(kind=_KIND, at=clock.now(), after=after),
        lambda organization, each: outcome_settle(organization=organization, outcome_id=each),
    )


def _each(
    reason: str,
    due: Callable[[UUID | None], list[tuple[UUID, UUID]]],
    work: Callable[[OrganizationRef, UUID], Any],
) -> None:
    last: UUID | None = None
    while True:
        with system_scope(reason):
            found = due(last)
            slugs = dict(
                Organization.objects.filter(id__in={owner for _, owner in found}).values_list(
                    "id", "slug"
                )
            )
        for each, owner in found:
            organization = OrganizationRef(id=owner, slug=slugs[owner])
            try:
                with tenant_scope(organization):
                    work(organization, each)
            except Exception:
                logger.exception("%s failed", reason, extra={"id": str(each)})
        if not found:
            return
        last = found[-1][0]
