"""Plan fees on invoices: in advance, once, in proportion, in the customer's own days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.models import Invoice, InvoiceItem
from billing.plans.contracts import Period
from billing.plans.services import subscription_cancel
from billing.promotions.contracts import PromotionKind, PromotionTerms
from tests.unit.billing.test_promotions import add, redeem
from tests.unit.invoices.helpers import (
    APRIL,
    BEGINS,
    FEBRUARY,
    MARCH,
    D,
    add_plan,
    credit,
    drifts,
    go,
    invoices,
    lines,
    pay,
    tick,
)

pytestmark = pytest.mark.django_db


def spans(organization: OrganizationRef) -> list[tuple[datetime | None, datetime | None]]:
    """The stretches of the fees asked for, in their order."""
    with tenant_scope(organization):
        rows = InvoiceItem.objects.filter(kind="fee", amount__gt=0).order_by("starts_at")
        return list(rows.values_list("starts_at", "ends_at"))


def test_a_plans_fee_is_asked_for_when_it_begins(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)

    (invoice,) = invoices(organization)
    (line,) = lines(organization, invoice)
    assert (invoice.kind, invoice.status, invoice.payment_status) == (
        "subscription",
        "final",
        "open",
    )
    assert (invoice.total_minor, invoice.currency, invoice.due_minor) == (1900, "USD", 1900)
    assert (line.kind, line.amount, line.starts_at, line.ends_at) == ("fee", 19, BEGINS, FEBRUARY)
    assert invoice.due_at == BEGINS + timedelta(days=7)


def test_a_free_plan_is_never_invoiced(organization: OrganizationRef) -> None:
    go(organization, "free", BEGINS, assigned=False)
    for at in (BEGINS, FEBRUARY, MARCH):
        tick(at)

    assert invoices(organization) == []


def test_r23_a_tick_twice_and_late_makes_each_invoice_once(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    for at in (BEGINS, BEGINS, FEBRUARY, FEBRUARY + timedelta(hours=9), MARCH, MARCH):
        tick(at)

    assert [row.total_minor for row in invoices(organization)] == [1900, 1900, 1900]
    assert spans(organization) == [(BEGINS, FEBRUARY), (FEBRUARY, MARCH), (MARCH, APRIL)]


def test_r23_a_period_that_was_over_before_it_was_opened_costs_nothing(
    organization: OrganizationRef,
) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    tick(APRIL + timedelta(days=3))

    assert [row.total_minor for row in invoices(organization)] == [1900, 1900]
    assert spans(organization)[-1][0] == APRIL


def test_an_upgrade_costs_the_rest_and_gives_the_old_rest_back(
    organization: OrganizationRef,
) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    at = datetime(2029, 2, 10, 7, 30, 1, 5, tzinfo=UTC)
    go(organization, "pro", at)
    tick(at)

    invoice = invoices(organization)[-1]
    amounts = {line.description: line.amount for line in lines(organization, invoice)}
    rest = Decimal((FEBRUARY - at) // timedelta(microseconds=1))
    whole = Decimal((FEBRUARY - BEGINS) // timedelta(microseconds=1))
    assert amounts == {
        "fee_cut": -round(19 * rest / whole, 12),
        "fee_share": round(99 * rest / whole, 12),
    }
    assert invoice.total_minor == sum(line.amount_minor for line in lines(organization, invoice))
    assert drifts(organization) == []


def test_a_plan_left_at_once_gives_no_fee_back(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    with clock.frozen(BEGINS + timedelta(days=2)), tenant_scope(organization):
        subscription_cancel(organization=organization, actor=SYSTEM_ACTOR, at_once=True)
    for at in (FEBRUARY, MARCH):
        tick(at)

    assert [row.total_minor for row in invoices(organization)] == [1900]


def test_a_plan_that_costs_less_begins_with_its_own_fee(organization: OrganizationRef) -> None:
    go(organization, "pro", BEGINS)
    tick(BEGINS)
    go(organization, "starter", BEGINS + timedelta(days=3))
    tick(FEBRUARY)

    assert [row.total_minor for row in invoices(organization)] == [9900, 1900]


def test_what_comes_to_less_than_nothing_waits_for_the_next_invoices(
    organization: OrganizationRef,
) -> None:
    """A year's fee given back outweighs a month's: it is taken off month by month."""
    add_plan("yearly", fee=D(120), period=Period.YEAR)
    add_plan("monthly", fee=D(50))
    begins = datetime(2029, 1, 1, tzinfo=UTC)
    go(organization, "yearly", begins)
    tick(begins)
    go(organization, "monthly", datetime(2029, 1, 2, tzinfo=UTC))
    months = [datetime(2029, month, 2, tzinfo=UTC) for month in range(1, 6)]
    for at in months:
        tick(at)

    made = invoices(organization)
    cut = -round(D(120) * 364 / 365, 12)
    with tenant_scope(organization):
        asked = sum(item.amount for item in InvoiceItem.objects.all())
    assert [row.total_minor for row in made] == [12000, 3033, 5000, 5000]
    assert (len(lines(organization, made[1])), asked) == (4, 120 + cut + 5 * 50)


def test_what_a_code_took_off_a_fee_is_not_given_back(organization: OrganizationRef) -> None:
    add_plan("yearly", fee=D(120), period=Period.YEAR)
    add_plan("monthly", fee=D(50))
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D(50), invoices=1), "HALF-OFF", BEGINS)
    begins = datetime(2029, 1, 1, tzinfo=UTC)
    redeem(organization, "HALF-OFF", BEGINS)
    go(organization, "yearly", begins)
    tick(begins)
    go(organization, "monthly", datetime(2029, 1, 2, tzinfo=UTC))

    assert cuts(organization) == [-round(D(60) * 364 / 365, 12)]
    assert drifts(organization) == []


def test_a_code_that_goes_on_takes_its_share_off_both_plans(organization: OrganizationRef) -> None:
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D(10), invoices=9), "TENTH-OFF", BEGINS)
    redeem(organization, "TENTH-OFF", BEGINS)
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    at = BEGINS + (FEBRUARY - BEGINS) / 2
    go(organization, "pro", at)
    tick(at)

    # Half of 99 and of 19, each less a tenth.
    assert [row.total_minor for row in invoices(organization)] == [1710, 4455 - 855]
    assert drifts(organization) == []


def test_a_code_takes_no_more_off_than_is_left(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D(90), invoices=1), "MOST-OFF", BEGINS)
    redeem(organization, "MOST-OFF", BEGINS)
    add_plan("larger", fee=D(20))
    go(organization, "larger", BEGINS + timedelta(days=1))
    tick(BEGINS + timedelta(days=1))

    assert invoices(organization)[-1].total_minor == 0
    assert drifts(organization) == []


def test_of_a_fee_that_was_credited_only_the_rest_is_given_back(
    organization: OrganizationRef,
) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    (invoice,) = invoices(organization)
    pay(organization, invoice)
    credit(organization, invoice, 950)
    at = BEGINS + (FEBRUARY - BEGINS) / 2
    go(organization, "pro", at)
    assert cuts(organization) == [D("-4.75")]
    assert drifts(organization) == []


def test_a_fee_that_was_credited_whole_is_not_given_back_again(
    organization: OrganizationRef,
) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    credit(organization, invoices(organization)[0])
    go(organization, "pro", BEGINS + timedelta(days=3))

    assert cuts(organization) == []
    assert drifts(organization) == []


def cuts(organization: OrganizationRef) -> list[Decimal]:
    """What is given back of fees."""
    with tenant_scope(organization):
        items = InvoiceItem.objects.filter(source__startswith="fee_cut:").order_by("id")
        return list(items.values_list("amount", flat=True))


@pytest.mark.parametrize("offset", range(-12, 15))
def test_r24_the_first_and_the_last_hour_of_a_period_are_the_customers(
    organization: OrganizationRef, offset: int
) -> None:
    zone = f"Etc/GMT{-offset:+d}"
    local = ZoneInfo(zone)
    go(organization, "starter", BEGINS, time_zone=zone)
    tick(BEGINS)
    anchor = BEGINS.astimezone(local).date()
    day = anchor.replace(month=2, day=28) if anchor.month == 1 else date(2029, 3, 1)
    border = datetime(day.year, day.month, day.day, tzinfo=local).astimezone(UTC)

    tick(border - timedelta(hours=1))
    before = len(invoices(organization))
    tick(border)
    tick(border + timedelta(hours=1))

    assert (before, len(invoices(organization))) == (1, 2)
    assert spans(organization)[0] == (BEGINS, border)
    assert invoices(organization)[1].customer["time_zone"] == zone


def test_r25_what_is_asked_for_tiles_whatever_day_it_began(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    """The 31st and the 29th of a leap year, over their clamped anniversaries."""
    starts = {
        organization: datetime(2028, 1, 31, 5, tzinfo=UTC),
        other_organization: datetime(2028, 2, 29, 20, tzinfo=UTC),
    }
    for one, at in starts.items():
        go(one, "starter", at, time_zone="Europe/Berlin")
    at = datetime(2028, 2, 1, tzinfo=UTC)
    while at < datetime(2029, 4, 2, tzinfo=UTC):
        tick(at)
        at += timedelta(days=14)

    for one in starts:
        found = spans(one)
        assert len(found) >= 13
        assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
        assert all(row.total_minor == 1900 for row in invoices(one))


@pytest.mark.parametrize("month", [3, 10, 11])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_r26_days_of_23_and_25_hours_are_shares_of_the_periods_own_length(
    organization: OrganizationRef, zone: str, month: int
) -> None:
    local = ZoneInfo(zone)
    begins = datetime(2029, month, 1, tzinfo=local).astimezone(UTC)
    later = datetime(2029, month, 20, 12, tzinfo=local).astimezone(UTC)
    ends = datetime(2029, month % 12 + 1, 1, tzinfo=local).astimezone(UTC)
    go(organization, "starter", begins, time_zone=zone)
    tick(begins)
    go(organization, "pro", later)
    tick(later)

    with tenant_scope(organization):
        amounts = set(InvoiceItem.objects.values_list("description", "amount"))
    tick_length = timedelta(microseconds=1)
    rest, whole = Decimal((ends - later) // tick_length), Decimal((ends - begins) // tick_length)
    assert amounts == {
        ("fee", D(19)),
        ("fee_cut", -round(19 * rest / whole, 12)),
        ("fee_share", round(99 * rest / whole, 12)),
    }


def test_numbers_have_no_gap_and_no_double_over_all_organizations(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    at = datetime(2031, 5, 1, tzinfo=UTC)
    for one in (organization, other_organization, organization, other_organization):
        with tenant_scope(one):
            made = Invoice.objects.count()
        go(one, ("starter", "pro")[made], at + timedelta(days=made))
        tick(at + timedelta(days=made))

    rows = [*invoices(organization), *invoices(other_organization)]
    assert sorted(row.sequence for row in rows) == [1, 2, 3, 4]
    assert {row.number for row in rows} == {f"INV-2031-{n:06d}" for n in (1, 2, 3, 4)}
