"""The ladder of an unpaid invoice: days 0, 3, 7 and 14, suspension, and the way back."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from anneal.kernel import clock
from anneal.kernel.events import PaymentRetryDue
from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.models import Dunning, DunningStep, Invoice
from billing.invoices.services import (
    account_restore,
    account_suspend,
    dunning_failed,
    invoice_charged_back,
    invoice_give_up,
)
from billing.invoices.tasks import dun
from billing.ledger.errors import AccountParked
from billing.ledger.selectors import account_get
from billing.ledger.services import account_park, account_unpark
from tests.unit.invoices.helpers import BEGINS, credit, heard, invoiced, pay, top_up, use

pytestmark = pytest.mark.django_db

DUE = BEGINS + timedelta(days=7)


@pytest.fixture
def unpaid(organization: OrganizationRef) -> Invoice:
    """An invoice of an organization that has credit besides."""
    top_up(organization, 5000)
    return invoiced(organization, "50")


def days(count: float, since: datetime = BEGINS) -> datetime:
    return since + timedelta(days=count)


def fail(organization: OrganizationRef, invoice: Invoice, at: datetime) -> None:
    with clock.frozen(at), tenant_scope(organization):
        dunning_failed(organization=organization, invoice_id=invoice.id, at=at)


def dunned(at: datetime) -> list[int]:
    """Let the scheduler look; the steps that it announced."""
    with clock.frozen(at), heard(PaymentRetryDue) as told:
        dun()
    return [event.step for event in told]


def work(at: datetime) -> list[str]:
    """Do what was asked for in the system's scope; its names."""
    with system_scope("test"):
        asked = list(
            OutboxMessage.objects.filter(task__in=["invoices.suspend", "invoices.restore"])
        )
        OutboxMessage.objects.filter(id__in=[one.id for one in asked]).delete()
    for one in asked:
        service = {"invoices.suspend": account_suspend, "invoices.restore": account_restore}
        organization = OrganizationRef(UUID(one.payload["organization_id"]), one.payload["slug"])
        with clock.frozen(at), system_scope("test"):
            service[one.task](organization=organization)
    return [one.task for one in asked]


def parked(organization: OrganizationRef) -> str:
    with tenant_scope(organization):
        return account_get(organization=organization).parked_reason


def free(organization: OrganizationRef) -> None:
    """The operator frees an account."""
    with system_scope("test"):
        account_unpark(organization=organization, actor=SYSTEM_ACTOR, reason="Looked at.")


def give_up(organization: OrganizationRef, invoice: Invoice, at: datetime) -> None:
    """The operator expects no money any more."""
    with clock.frozen(at), tenant_scope(organization):
        invoice_give_up(
            organization=organization, actor=SYSTEM_ACTOR, invoice_id=invoice.id, reason="Gone."
        )


def steps(organization: OrganizationRef) -> list[tuple[int, bool]]:
    """Each step, and whether it failed."""
    with tenant_scope(organization):
        rows = DunningStep.objects.order_by("step")
        return [(row.step, row.failed_at is not None) for row in rows]


def test_a_refused_payment_begins_the_ladder(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    fail(organization, unpaid, BEGINS)

    with tenant_scope(organization):
        found = list(DunningStep.objects.order_by("step").values_list("due_at", flat=True))
    assert found == [days(0), days(3), days(7), days(14)]
    assert steps(organization) == [(0, True), (1, False), (2, False), (3, False)]
    assert parked(organization) == ""


def test_each_try_is_announced_once_when_it_is_due(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    fail(organization, unpaid, BEGINS)

    assert dunned(days(2.9)) == []
    assert dunned(days(3)) == [1]
    assert dunned(days(3.1)) == []
    fail(organization, unpaid, days(3.1))
    fail(organization, unpaid, days(3.1))
    assert dunned(days(7)) == [2]
    fail(organization, unpaid, days(7))
    assert dunned(days(14)) == [3]
    assert steps(organization)[:3] == [(0, True), (1, True), (2, True)]


def test_the_last_failure_parks_the_account_and_a_payment_frees_it(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    for day in (0, 3, 7, 14):
        dunned(days(day))
        fail(organization, unpaid, days(day))
    assert work(days(14)) == ["invoices.suspend"]

    assert parked(organization) == f"unpaid invoice {unpaid.number}"
    with pytest.raises(AccountParked):
        use(organization, 1000, days(14))
    pay(organization, unpaid, 5000, at=days(15))
    assert work(days(15)) == ["invoices.restore"]
    assert parked(organization) == ""
    use(organization, 1000, days(15))
    with tenant_scope(organization):
        assert Dunning.objects.get().ended_at == days(15)


def test_what_nobody_collects_is_overdue_and_climbs_by_itself(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    assert dunned(days(-1, DUE)) == []
    told = [dunned(days(day / 2, DUE)) for day in range(40)]

    assert [step for one in told for step in one] == [0, 1, 2, 3]
    assert work(days(20, DUE)) == ["invoices.suspend"]
    assert parked(organization)


def test_a_payment_in_time_ends_the_ladder(organization: OrganizationRef, unpaid: Invoice) -> None:
    fail(organization, unpaid, BEGINS)
    pay(organization, unpaid, 5000, at=days(1))

    assert [dunned(days(day)) for day in (3, 7, 14, 20)] == [[]] * 4
    assert work(days(20)) == []


def test_a_credit_note_for_all_of_it_ends_the_ladder(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    fail(organization, unpaid, BEGINS)
    credit(organization, unpaid, at=days(1))

    assert dunned(days(3)) == []


def test_an_account_stays_parked_while_another_invoice_keeps_it(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    other = invoiced(organization, "20")
    for day in (0, 3, 7, 14):
        fail(organization, unpaid, days(day))
        fail(organization, other, days(day))
    work(days(14))
    pay(organization, unpaid, 5000, at=days(15))

    assert work(days(15)) == []
    assert parked(organization)
    pay(organization, other, 2000, at=days(16))
    assert work(days(16)) == ["invoices.restore"]
    assert parked(organization) == ""


def test_an_account_parked_for_its_books_is_not_freed_by_a_payment(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="reconcile: x")
    for day in (0, 3, 7, 14):
        fail(organization, unpaid, days(day))
    work(days(14))
    pay(organization, unpaid, 5000, at=days(15))
    work(days(15))

    assert parked(organization) == "reconcile: x"


def test_an_account_freed_of_another_reason_is_parked_for_what_it_owes(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="reconcile: x")
    for day in (0, 3, 7, 14):
        fail(organization, unpaid, days(day))
    work(days(14))

    free(organization)
    assert parked(organization) == f"unpaid invoice {unpaid.number}"

    free(organization)
    assert parked(organization) == ""


def test_an_account_that_owes_nothing_is_freed_of_its_reason(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    fail(organization, unpaid, BEGINS)
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="reconcile: x")

    free(organization)

    assert parked(organization) == ""


def test_what_no_card_could_pay_is_given_up_and_parks_nobody(
    organization: OrganizationRef,
) -> None:
    invoice = invoiced(organization, "10")
    pay(organization, invoice, 960)

    assert [dunned(days(day, DUE)) for day in (0, 3, 7, 14, 20)] == [[]] * 5
    assert work(days(20, DUE)) == []
    with tenant_scope(organization):
        assert Invoice.objects.get().payment_status == "uncollectible"


def test_a_rest_that_no_card_could_pay_ends_a_ladder_and_frees_the_account(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    for day in (0, 3, 7, 14):
        fail(organization, unpaid, days(day))
    work(days(14))
    pay(organization, unpaid, 4960, at=days(15))

    assert work(days(15)) == ["invoices.restore"]
    assert parked(organization) == ""
    with tenant_scope(organization):
        assert Invoice.objects.get(id=unpaid.id).payment_status == "uncollectible"


def test_a_rest_that_no_card_could_pay_is_not_climbed_for(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    fail(organization, unpaid, BEGINS)
    credit(organization, unpaid, 4960, at=days(1))

    assert [dunned(days(day)) for day in (3, 7, 14, 20)] == [[]] * 4
    assert work(days(20)) == []


def test_disputed_credit_of_which_less_than_a_card_can_pay_was_spent_parks_nobody(
    organization: OrganizationRef,
) -> None:
    payment = uuid4()
    made = top_up(organization, 5000, payment_id=payment)
    use(organization, 4_000, BEGINS)  # 0.40 USD
    with tenant_scope(organization), clock.frozen(BEGINS):
        invoice_charged_back(
            organization=organization,
            invoice_id=made.invoice.id,
            payment_id=payment,
            amount_minor=5000,
            key="dispute:dp_1",
            reason="Lost.",
        )

    assert dunned(days(20)) == []
    assert work(days(20)) == []
    with tenant_scope(organization):
        assert Invoice.objects.get(id=made.invoice.id).payment_status == "uncollectible"


def test_an_invoice_given_up_keeps_nobody_parked_whom_the_operator_freed(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    for day in (0, 3, 7, 14):
        fail(organization, unpaid, days(day))
    work(days(14))
    give_up(organization, unpaid, days(20))
    free(organization)
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="reconcile: x")
    free(organization)
    assert parked(organization) == ""

    other = invoiced(organization, "20", at=days(30))
    for day in (30, 33, 37, 44):
        fail(organization, other, days(day))
    work(days(44))
    assert parked(organization) == f"unpaid invoice {other.number}"
    pay(organization, other, 2000, at=days(45))
    assert work(days(45)) == ["invoices.restore"]


def test_a_try_that_came_due_while_nobody_looked_is_made_before_the_ladder_ends(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    fail(organization, unpaid, BEGINS)
    assert [dunned(days(day)) for day in (3, 7)] == [[1], [2]]

    assert dunned(days(15)) == [3]
    assert work(days(15)) == []
    dunned(days(16))
    assert work(days(16)) == ["invoices.suspend"]


def test_an_invoice_given_up_is_not_tried_again_and_can_still_be_paid(
    organization: OrganizationRef, unpaid: Invoice
) -> None:
    fail(organization, unpaid, BEGINS)
    give_up(organization, unpaid, days(1))

    assert [dunned(days(day)) for day in (3, 7, 14, 20)] == [[]] * 4
    assert pay(organization, unpaid, 5000, at=days(30)).payment_status == "paid"
