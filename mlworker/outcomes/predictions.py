"""Contracts of predictions: a deployment whose answers are paid for what comes of them.

A day's predictions are one outcome, counted when the day is over and settled when feedback no
longer counts. Until then nobody owes anything, so a call is not written anywhere but in the usage.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef
from billing.metering.selectors import usage_buckets
from billing.outcomes.contracts import PREDICTION_METER, ContractInfo, OutcomeKind
from billing.outcomes.selectors import (
    contract_following,
    contract_get,
    contracts_rows,
    outcome_get,
    outcomes_rows,
)
from billing.outcomes.services import outcome_assume, outcome_contract_end, outcome_count
from billing.outcomes.subjects import SubjectPort
from mlworker.feedback.contracts import FEEDBACK_PREFIX
from mlworker.serving.contracts import DEPLOYMENT_PREFIX, DeploymentDeleted
from mlworker.serving.recording import outcome_contract_set
from mlworker.serving.selectors import deployment_get

DAY: Final = timedelta(days=1)
SETTLED_LATE: Final = timedelta(hours=1)
"""How long after a day its last calls are settled at the latest."""
MOST_DAYS: Final = 60
"""How far back days are looked for that nobody has counted."""
_NAMED: Final = 100
"""Judgements that the evidence names."""

_COUNT: Final = """
WITH judged AS (
  SELECT f.id AS feedback,
         CASE WHEN f.id IS NULL THEN NULL
              WHEN f.rating <= 2 THEN false
              WHEN f.label IS NOT NULL THEN p.labels IS NOT DISTINCT FROM ARRAY[f.label::text]
              WHEN f.answer ? 'labels' THEN coalesce(
                f.answer -> 'labels' @> to_jsonb(p.labels)
                AND f.answer -> 'labels' <@ to_jsonb(p.labels), false)
              WHEN f.answer IS NOT NULL THEN false
              WHEN f.rating >= 4 THEN true
         END AS good
  FROM metering_usageevent e
  LEFT JOIN feedback_feedback f ON f.organization_id = e.organization_id AND f.prediction_id = e.id
  LEFT JOIN predictions_prediction p ON p.organization_id = e.organization_id AND p.id = e.id
  WHERE e.organization_id = %s AND e.deployment_id = %s AND e.meter = %s
    AND e.occurred_at >= %s AND e.occurred_at < %s AND NOT e.dims ? 'abstained')
SELECT count(*), count(*) FILTER (WHERE good), count(*) FILTER (WHERE NOT good),
       (array_agg(feedback ORDER BY feedback) FILTER (WHERE NOT good))[1:%s]
FROM judged
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a day's predictions came to, as feedback stands now."""

    predictions: int
    confirmed: int
    wrong: int
    wrong_feedback: tuple[str, ...]

    @property
    def owed(self) -> int:
        """Those that nobody called wrong."""
        return self.predictions - self.wrong

    def evidence(self) -> dict[str, Any]:
        """Return the counts, and which judgements called predictions wrong."""
        return {
            "predictions": self.predictions,
            "confirmed": self.confirmed,
            "assumed": self.owed - self.confirmed,
            "wrong": self.wrong,
            "wrong_feedback": list(self.wrong_feedback),
        }


def predictions_counted(
    organization: OrganizationRef, subject: str, period: tuple[datetime, datetime]
) -> Counted:
    """Count a deployment's predictions of a period, and what feedback said of them."""
    deployment_id = parse_id(DEPLOYMENT_PREFIX, subject)
    values: list[Any] = [organization.id, deployment_id, PREDICTION_METER, *period, _NAMED]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        total, good, wrong, ids = cursor.fetchone()
    named = tuple(public_id(FEEDBACK_PREFIX, each) for each in ids or ())
    return Counted(total, good, wrong, named)


def contract_days_count(*, organization: OrganizationRef, contract_id: UUID) -> int:
    """Write down each day of a contract that is over and was not; return how many had calls.

    Of a day with two contracts about the deployment each has the part from its acceptance on.
    """
    contract = contract_get(organization=organization, contract_id=contract_id)
    rows = outcomes_rows(organization=organization, contract_id=contract_id)
    newest = rows.order_by("-starts_at").values_list("ends_at", flat=True).first()
    over = _day_of(clock.now() - SETTLED_LATE)
    begins = max(newest or contract.accepted_at, over - DAY * MOST_DAYS)
    until = min(over, _ends(organization, contract) or over)
    made = 0
    for day in _days_used(organization, contract.subject, begins, until):
        period = (max(day, begins), min(day + DAY, until))
        counted = predictions_counted(organization, contract.subject, period)
        if counted.predictions:
            _count(organization, contract_id, period, counted)
            made += 1
    return made


def outcome_settle(*, organization: OrganizationRef, outcome_id: UUID) -> None:
    """Count a day once more, now that feedback no longer counts, and say what is owed of it."""
    outcome = outcome_get(organization=organization, outcome_id=outcome_id)
    if outcome.period is None:
        raise AssertionError("Predictions are counted by the day.")
    counted = predictions_counted(organization, outcome.subject, outcome.period)
    outcome_assume(
        organization=organization,
        outcome_id=outcome_id,
        quantity=counted.owed,
        confirmed=counted.confirmed,
        evidence=counted.evidence(),
    )


def deployment_gone(event: DeploymentDeleted) -> None:
    """End the contract of a deployment that is deleted."""
    subject = public_id(DEPLOYMENT_PREFIX, event.deployment_id)
    rows = contracts_rows(organization=event.organization).filter(
        kind=OutcomeKind.CONFIRMED_PREDICTION.value, subject=subject, ended_at__isnull=True
    )
    for contract_id in rows.values_list("id", flat=True):
        outcome_contract_end(
            organization=event.organization, actor=SYSTEM_ACTOR, contract_id=contract_id
        )


def _ends(organization: OrganizationRef, contract: ContractInfo) -> datetime | None:
    """Return until when calls are an ended contract's: to the end of its day, or the next one."""
    if contract.ended_at is None:
        return None
    day = _day_of(contract.ended_at) + DAY
    following = contract_following(organization=organization, contract=contract)
    return day if following is None else min(day, following.accepted_at)


def _days_used(
    organization: OrganizationRef, subject: str, begins: datetime, until: datetime
) -> list[datetime]:
    """Return the whole days with calls, from the hourly sums where there are any."""
    if begins >= until:
        return []
    deployment_id = parse_id(DEPLOYMENT_PREFIX, subject)
    found = usage_buckets(
        organization=organization,
        start=_day_of(begins),
        end=_day_of(until + DAY - timedelta.resolution),
        width=DAY,
        group_by={"deployment_id"},
        limit=MOST_DAYS,
    )
    return [
        bucket.start
        for bucket in found.buckets
        if any(
            each.deployment_id == deployment_id and each.meter == PREDICTION_METER
            for each in bucket.results
        )
    ]


def _count(
    organization: OrganizationRef,
    contract_id: UUID,
    period: tuple[datetime, datetime],
    counted: Counted,
) -> None:
    outcome_count(
        organization=organization,
        contract_id=contract_id,
        period=period,
        quantity=counted.predictions,
        evidence=counted.evidence(),
    )


def _day_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _facts(organization: OrganizationRef, subject: str) -> dict[str, Any]:
    found = deployment_get(
        organization=organization, deployment_id=parse_id(DEPLOYMENT_PREFIX, subject)
    )
    return {"name": found.name}


def _begin(organization: OrganizationRef, contract_id: UUID, subject: str) -> None:
    outcome_contract_set(organization, parse_id(DEPLOYMENT_PREFIX, subject), contract_id)


def _end(organization: OrganizationRef, contract_id: UUID, subject: str) -> None:
    outcome_contract_set(organization, parse_id(DEPLOYMENT_PREFIX, subject), None)


PORT: Final = SubjectPort(_facts, _begin, _end)
