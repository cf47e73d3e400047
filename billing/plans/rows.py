"""From rows to what other apps may hold."""

from billing.plans.contracts import Overage, Period, PlanInfo, PlanLimits, PlanTerms
from billing.plans.models import PlanVersion
from billing.plans.terms import caps_of, units_of


def plan_info(row: PlanVersion) -> PlanInfo:
    """Copy a version, its plan fetched with it."""
    return PlanInfo(
        id=row.id,
        code=row.plan.code,
        name_en=row.plan.name_en,
        name_zh=row.plan.name_zh,
        version=row.version,
        terms=plan_terms(row),
        published_at=row.published_at,
    )


def plan_terms(row: PlanVersion) -> PlanTerms:
    """Copy a version's terms."""
    return PlanTerms(
        fee=row.fee,
        currency=row.currency,
        period=Period(row.period),
        included=units_of(row.included),
        limits=PlanLimits(
            requests_per_minute=row.requests_per_minute,
            calls_in_flight=row.calls_in_flight,
            concurrency=row.concurrency,
            priority=row.priority,
            storage_gb=row.storage_gb,
            seats=row.seats,
        ),
        overage=Overage(row.overage),
        credit_line=row.credit_line,
        caps=caps_of(row.caps),
    )
