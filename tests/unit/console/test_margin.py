"""The operator's margins: money and device time of each organization, by month."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from anneal.console.margin import Margin, margins_read
from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import GrantKind
from billing.ledger.services import balance_grant, hold_capture, hold_take
from billing.prices.contracts import PriceModel, PriceTerms, Tier
from billing.prices.services import price_add
from mlworker.jobs.models import FineTuningJob
from tenants.accounts.services import operator_link_create
from tests.unit.jobs.factories import make_job

# A month in which no other test of the run has committed anything.
START = datetime(2025, 3, 1, tzinfo=UTC)
END = datetime(2025, 4, 1, tzinfo=UTC)


def use(organization: OrganizationRef, unit: str, amount: int, key: str, at: datetime) -> None:
    with clock.frozen(at), tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit=unit, amount=amount, key=key, ttl_seconds=60
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=amount, event_id=key)


def grant(organization: OrganizationRef, unit: str, amount: Any, kind: str) -> None:
    with clock.frozen(START), tenant_scope(organization):
        balance_grant(
            organization=organization, unit=unit, amount=amount, kind=kind, source=kind, priority=1
        )


def margins() -> dict[str, Margin]:
    with system_scope("test"):
        return {each.organization: each for each in margins_read(start=START, end=END)}


def test_bought_units_are_revenue_and_given_ones_are_not(
    organization: OrganizationRef, other_organization: OrganizationRef, settings: Settings
) -> None:
    settings.ANNEAL_DEVICE_HOUR_PRICE = Decimal(36)
    settings.ANNEAL_PREDICTION_SECONDS = Decimal("0.1")
    grant(organization, "prediction", 1010, GrantKind.PURCHASED)
    grant(other_organization, "prediction", 1010, GrantKind.OPERATOR)
    for owner in (organization, other_organization):
        use(owner, "prediction", 1000, "a", START + timedelta(days=3))
        use(owner, "prediction", 10, "next month", END)

    found = margins()

    mine, theirs = found[organization.slug], found[other_organization.slug]
    assert (mine.revenue, mine.given) == (Decimal("0.1"), 0)
    assert (theirs.revenue, theirs.given) == (0, Decimal("0.1"))
    # 1,000 predictions of 0.1 s are 100 s, a cent each.
    assert mine.cost == theirs.cost == 1
    assert (mine.margin, mine.share) == (Decimal("-0.9"), Decimal(-900))
    assert theirs.share is None


def test_a_jobs_seconds_cost_what_the_device_does(
    organization: OrganizationRef, settings: Settings
) -> None:
    settings.ANNEAL_DEVICE_HOUR_PRICE = Decimal(2)
    job = make_job(organization)
    with system_scope("test"):
        FineTuningJob.objects.filter(id=job.id).update(
            seconds=5400.0, state="succeeded", finished_at=START
        )

    found = margins()[organization.slug]

    assert (found.training_hours, found.cost, found.revenue) == (Decimal("1.5"), 3, 0)


@pytest.mark.parametrize(
    ("terms", "worth"),
    [
        (
            PriceTerms(
                model=PriceModel.PACKAGE, package_units=Decimal(400), package_amount=Decimal(2)
            ),
            6,
        ),
        (
            PriceTerms(
                model=PriceModel.GRADUATED,
                tiers=(
                    Tier(up_to=Decimal(100), unit_amount=Decimal(1), flat_amount=Decimal(0)),
                    Tier(up_to=None, unit_amount=Decimal("0.5"), flat_amount=Decimal(10)),
                ),
            ),
            100 + 450 + 10,
        ),
    ],
)
def test_units_whose_price_has_no_amount_per_unit_are_valued_as_they_are_rated(
    organization: OrganizationRef, terms: PriceTerms, worth: int
) -> None:
    grant(organization, "prediction", 1000, GrantKind.PURCHASED)
    use(organization, "prediction", 1000, "a", START)
    with system_scope("test"):
        price_add(actor=SYSTEM_ACTOR, meter="prediction", terms=terms)

    assert margins()[organization.slug].revenue == worth


def test_money_of_another_currency_is_named_and_not_valued(
    operator: Client, organization: OrganizationRef
) -> None:
    grant(organization, "CNY", 7, GrantKind.PURCHASED)
    with clock.frozen(START), system_scope("test"):
        price_add(
            actor=SYSTEM_ACTOR,
            meter="storage_gb_hour",
            currency="CNY",
            terms=PriceTerms(unit_amount=Decimal(2)),
        )
    use(organization, "storage_gb_hour", 1, "a", START)

    found = margins()[organization.slug]
    page = operator.get("/admin/margin/?month=2025-03").content.decode()

    assert (found.revenue, found.unvalued) == (0, (("CNY", Decimal(2)),))
    assert "2 CNY not valued" in page


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    with system_scope("test"):
        token = operator_link_create()
    assert client.get(f"/operator/{token}").status_code == 302
    return client


def test_the_page_shows_a_month_in_three_statements_of_its_own(
    operator: Client, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    grant(organization, "prediction", 1010, GrantKind.PURCHASED)
    use(organization, "prediction", 1000, "a", START)

    march = operator.get("/admin/margin/?month=2025-03").content.decode()
    april = operator.get("/admin/margin/?month=2025-04").content.decode()
    today = operator.get("/admin/margin/?month=nonsense")

    assert organization.slug in march
    assert other_organization.slug not in march
    assert "?month=2025-02" in march
    assert "?month=2025-04" in march
    assert "Nobody used anything this month." in april
    assert today.status_code == 200
    with system_scope("test"), CaptureQueriesContext(connection) as queries:
        margins_read(start=START, end=END)
    assert len(queries) == 3


def test_only_operators_see_it(organization: OrganizationRef) -> None:
    assert Client().get("/admin/margin/").status_code == 302
