"""The mark below which usage is settled: a close reads what came since, and loses nothing at it."""

import importlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.usage import usage_owed
from billing.ledger.services import hold_refund
from tests.unit.invoices.helpers import (
    BEGINS,
    FEBRUARY,
    MARCH,
    D,
    drifts,
    invoices,
    lines,
    tick,
    use,
)
from tests.unit.invoices.test_usage import DAY, asked, later, receivable

__all__ = ["later"]  # a fixture of the tests of usage

pytestmark = pytest.mark.django_db


def give_back(organization: OrganizationRef, hold: UUID, units: int, at: datetime) -> None:
    with clock.frozen(at), tenant_scope(organization):
        hold_refund(
            organization=organization,
            hold_id=hold,
            amount=units,
            key="back",
            reason="It was wrong.",
        )


def entries_read(organization: OrganizationRef, until: datetime) -> int:
    """How many of the ledger's entries a close at this moment looks at, by Postgres's own count."""
    plans: list[Any] = []

    def explain(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "ledger_ledgerentry" in sql:
            run(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
            plans.append(context["cursor"].fetchone()[0][0]["Plan"])
        return run(sql, params, many, context)

    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        with connection.execute_wrapper(explain):
            list(usage_owed(organization, until))
    return sum(met for plan in plans for met in rows_of(plan))


def rows_of(node: dict[str, Any]) -> Iterator[int]:
    """What each node that reads entries met, kept or not."""
    if node.get("Relation Name") == "ledger_ledgerentry":
        yield node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    for part in node.get("Plans", []):
        yield from rows_of(part)


def test_a_close_reads_what_was_booked_since_the_last_and_not_the_whole_history(
    later: OrganizationRef,
) -> None:
    for day in range(1, 20):
        use(later, 1000, BEGINS + day * DAY)
    assert entries_read(later, FEBRUARY) == 19
    tick(FEBRUARY)
    assert entries_read(later, FEBRUARY) == 0
    use(later, 1000, FEBRUARY + DAY)
    use(later, 1000, FEBRUARY + 2 * DAY)

    assert entries_read(later, MARCH) == 2
    tick(MARCH)
    assert asked(later) == receivable(later) == D("2.1")
    assert drifts(later) == []


def test_what_was_used_in_the_last_hours_before_a_close_is_asked_for_once(
    later: OrganizationRef,
) -> None:
    use(later, 100_000, FEBRUARY - DAY)
    hold = use(later, 50_000, FEBRUARY - DAY / 24)
    tick(FEBRUARY)
    assert asked(later) == 15
    # It was on its way while the invoice was made, and one was given back.
    use(later, 10_000, FEBRUARY - DAY / 48)
    give_back(later, hold, 50_000, FEBRUARY + DAY)
    tick(MARCH)

    usage_lines = [line for line in lines(later, invoices(later)[-1]) if line.kind == "usage"]
    assert [(line.amount_minor, line.quantity) for line in usage_lines] == [(-400, -40_000)]
    assert asked(later) == receivable(later) == 11
    assert drifts(later) == []


def test_an_installation_that_has_asked_for_usage_already_asks_for_nothing_twice(
    later: OrganizationRef,
) -> None:
    use(later, 100_000, BEGINS + DAY)
    tick(FEBRUARY)
    migration = importlib.import_module("billing.invoices.migrations.0004_marks_and_months")
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(migration._SETTLE)
    assert drifts(later) == []
    use(later, 20_000, FEBRUARY + DAY)
    tick(MARCH)

    assert asked(later) == receivable(later) == 12
    assert drifts(later) == []
