"""Ticks and changes of plan that meet."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.models import Grant
from billing.plans.models import SubscriptionPeriod
from billing.plans.services import subscription_change
from billing.plans.tasks import renew
from tests.unit.billing.books import Books
from tests.unit.billing.threads import at_once, in_scope, organization_of

BEGINS = datetime(2029, 1, 31, 12, tzinfo=UTC)
FEBRUARY = datetime(2029, 2, 28, tzinfo=UTC)


@pytest.fixture
def committed(
    books: Books, django_db_setup: None, django_db_blocker: Any
) -> Iterator[OrganizationRef]:
    """An organization that every connection sees; its subscriptions are over afterwards."""
    with django_db_blocker.unblock():
        yield organization_of(books)
        connection.close()
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        books.connection.execute(
            "UPDATE plans_subscription SET ends_at = 'infinity' WHERE organization_id = %s",
            [books.organization_id],
        )


def change(organization: OrganizationRef, plan: str) -> str:
    with clock.frozen(BEGINS), tenant_scope(organization):
        return subscription_change(
            organization=organization, actor=SYSTEM_ACTOR, plan=plan, assigned=True
        ).plan.code


def other_organizations(books: Books, count: int) -> list[OrganizationRef]:
    made = [Books(books.connection, uuid7()) for _ in range(count)]
    for one in made:
        one.organization_add()
    return [organization_of(one) for one in made]


def first_plan(organization: OrganizationRef, number: int) -> str:
    return change(organization, ("starter", "pro")[number % 2])


def amounts(organization: OrganizationRef) -> list[int]:
    def read() -> list[int]:
        rows = Grant.objects.filter(unit="prediction").order_by("effective_at")
        return [int(row.amount) for row in rows]

    found: list[int] = in_scope(organization, read)
    return found


def test_r23_ticks_in_parallel_open_a_period_once(committed: OrganizationRef) -> None:
    at_once(1, lambda _: change(committed, "starter"))

    def tick(_: int) -> None:
        with clock.frozen(FEBRUARY):
            renew()

    at_once(8, tick)

    assert amounts(committed) == [250_000, 250_000]
    assert in_scope(committed, SubscriptionPeriod.objects.count) == 2


def test_two_first_plans_at_once_are_one(committed: OrganizationRef) -> None:
    told = Counter(at_once(6, lambda _: change(committed, "starter")))

    assert told["starter"] == 1
    assert set(told) <= {"starter", "conflict", "subscription_unchanged"}
    assert amounts(committed) == [250_000]


def test_two_first_plans_of_which_one_needs_an_account_wait_for_each_other(
    committed: OrganizationRef, books: Books
) -> None:
    """The one with a credit line makes the account's row, and the other would come to wait."""
    told: Counter[str] = Counter()
    for organization in other_organizations(books, 5):
        told.update(at_once(4, partial(first_plan, organization)))

    assert told["starter"] + told["pro"] >= 5
    assert set(told) <= {"starter", "pro", "subscription_unchanged", "conflict"}
