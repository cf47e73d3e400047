"""Credit notes: what they take off, what goes back, and that they never exceed an invoice."""

import random
from uuid import uuid4

import pytest

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.contracts import InvoiceKind, ReturnBy
from billing.invoices.errors import (
    CreditExceeded,
    CreditInvalid,
    CreditMismatch,
    InvoiceUnknown,
    TopUpSpent,
)
from billing.invoices.models import CreditNote, CreditNoteLine, Invoice
from billing.invoices.money import spread
from billing.invoices.services import invoice_charged_back, invoice_refunded, item_reverse
from billing.ledger.selectors import balance_get
from billing.ledger.services import hold_refund
from billing.promotions.contracts import PromotionKind, PromotionTerms
from tests.unit.billing.test_promotions import add, redeem
from tests.unit.invoices.helpers import (
    BEGINS,
    FEBRUARY,
    MARCH,
    D,
    add_credit_plan,
    add_tax,
    ask,
    credit,
    drifts,
    go,
    invoiced,
    invoices,
    lines,
    pay,
    set_profile,
    tick,
    top_up,
    use,
)

pytestmark = pytest.mark.django_db


def fresh(organization: OrganizationRef, invoice: Invoice) -> Invoice:
    with tenant_scope(organization):
        return Invoice.objects.get(id=invoice.id)


def test_shares_add_up_and_never_exceed_their_weights() -> None:
    chance = random.Random(29)
    for _ in range(3000):
        weights = [chance.randint(-20, 60) for _ in range(chance.randint(1, 6))] + [150]
        total = chance.randint(0, sum(weights))
        shares = spread(total, weights)
        pairs = list(zip(shares, weights, strict=True))
        assert sum(shares) == total
        assert all(abs(share) <= abs(weight) and share * weight >= 0 for share, weight in pairs)
        assert spread(sum(weights), weights) == weights


def test_a_note_on_an_unpaid_invoice_lowers_what_is_due(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "30", "20")

    note = credit(organization, invoice, 1000)

    assert (note.total_minor, note.due_minor, note.returned_minor) == (1000, 1000, 0)
    assert note.return_by == ReturnBy.NONE
    assert fresh(organization, invoice).due_minor == 4000


def test_a_note_on_a_paid_invoice_becomes_credit(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "30", "20")
    pay(organization, invoice)

    note = credit(organization, fresh(organization, invoice), 1000)

    assert (note.due_minor, note.returned_minor, note.return_by) == (0, 1000, ReturnBy.CREDIT)
    with tenant_scope(organization), clock.frozen(BEGINS):
        assert balance_get(organization=organization, unit="USD").available == 10


def test_what_is_due_is_lowered_before_anything_goes_back(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "50")
    pay(organization, invoice, 4500)

    note = credit(organization, invoice, 2000, return_by=ReturnBy.REFUND)

    assert (note.due_minor, note.returned_minor) == (500, 1500)
    after = fresh(organization, invoice)
    assert (after.payment_status, after.due_minor) == ("paid", 0)


def test_a_note_that_takes_all_off_an_unpaid_invoice_settles_it(
    organization: OrganizationRef,
) -> None:
    invoice = invoiced(organization, "50")

    credit(organization, invoice)

    after = fresh(organization, invoice)
    assert (after.payment_status, after.due_minor, after.paid_minor) == ("paid", 0, 0)


@pytest.mark.parametrize(
    ("minor", "refusal"), [(5001, CreditExceeded), (0, CreditInvalid), (-5, CreditInvalid)]
)
def test_no_note_is_above_the_invoice_or_of_nothing(
    organization: OrganizationRef, minor: int, refusal: type[Exception]
) -> None:
    invoice = invoiced(organization, "50")

    with pytest.raises(refusal):
        credit(organization, invoice, minor)


def test_r18_notes_together_are_not_above_the_invoice(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "50")
    credit(organization, invoice, 3000)

    with pytest.raises(CreditExceeded):
        credit(organization, invoice, 2001)
    credit(organization, invoice, 2000)
    with pytest.raises(CreditExceeded):
        credit(organization, invoice)


def test_a_key_credits_once(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "50")

    first = credit(organization, invoice, 1000, key="k")

    assert credit(organization, invoice, 1000, key="k") == first
    with pytest.raises(CreditMismatch):
        credit(organization, invoice, 999, key="k")


def test_lines_are_credited_by_themselves(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "30", "20")
    first, second = lines(organization, invoice)

    note = credit(organization, invoice, lines={second.id: 500})

    with tenant_scope(organization):
        (line,) = CreditNoteLine.objects.filter(credit_note_id=note.id)
    assert (line.line_id, line.amount_minor) == (second.id, 500)
    with pytest.raises(CreditExceeded):
        credit(organization, invoice, lines={second.id: 1501})
    with pytest.raises(CreditExceeded):
        credit(organization, invoice, lines={uuid4(): 1})
    credit(organization, invoice, lines={first.id: 3000, second.id: 1500})
    assert fresh(organization, invoice).due_minor == 0


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 12))]
)
def test_r29_a_full_refund_in_any_split_is_the_invoice(
    organization: OrganizationRef, seed: int
) -> None:
    """Two taxes on odd amounts, given back in random parts: each sum ends at nothing."""
    chance = random.Random(seed)
    set_profile(organization)
    add_tax("19")
    add_tax("5.5")
    invoice = invoiced(organization, "33.33", "0.01", "9.99", "100.07")
    pay(organization, invoice)
    left = invoice.total_minor
    while left:
        part = min(left, chance.choice([1, 2, 7, 100, 999, 5000]))
        credit(organization, invoice, part, return_by=ReturnBy.OUTSIDE)
        left -= part

    with tenant_scope(organization):
        notes = list(CreditNote.objects.all())
        credits_ = list(CreditNoteLine.objects.all())
    assert sum(note.total_minor for note in notes) == invoice.total_minor
    assert sum(note.tax_minor for note in notes) == invoice.tax_minor
    for line in lines(organization, invoice):
        of_line = [one for one in credits_ if one.line_id == line.id]
        taxes = {rate: 0 for rate, _ in line.taxes}
        for one in of_line:
            for rate, minor in one.taxes:
                taxes[rate] += minor
        assert sum(one.amount_minor for one in of_line) == line.amount_minor
        assert [[rate, minor] for rate, minor in taxes.items()] == line.taxes


def test_a_pending_item_that_is_reversed_is_never_asked_for(organization: OrganizationRef) -> None:
    ask(organization, "50", source="outcome:1")
    with tenant_scope(organization), clock.frozen(BEGINS):
        first, again = (
            item_reverse(organization=organization, source="outcome:1", reason="No.")
            for _ in range(2)
        )
    tick(BEGINS)

    assert first.dropped
    assert again.dropped
    assert invoices(organization) == []


def test_an_invoiced_item_that_is_reversed_is_credited_once(organization: OrganizationRef) -> None:
    ask(organization, "50", source="outcome:1")
    ask(organization, "20")
    tick(BEGINS)
    (invoice,) = invoices(organization)
    pay(organization, invoice)
    with tenant_scope(organization), clock.frozen(BEGINS):
        first, again = (
            item_reverse(organization=organization, source="outcome:1", reason="No.")
            for _ in range(2)
        )

    assert invoice.kind == InvoiceKind.OUTCOME
    assert first.credit_note is not None
    assert first == again
    assert (first.credit_note.total_minor, first.credit_note.returned_minor) == (5000, 5000)


def test_what_a_code_took_off_an_item_is_not_given_back(organization: OrganizationRef) -> None:
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D(10), invoices=1), "TENTH-OFF", BEGINS)
    redeem(organization, "TENTH-OFF", BEGINS)
    ask(organization, "50", source="outcome:1")
    ask(organization, "50.01", source="outcome:2")
    tick(BEGINS)
    (invoice,) = invoices(organization)
    with tenant_scope(organization), clock.frozen(BEGINS):
        notes = [
            item_reverse(organization=organization, source=source, reason="No.").credit_note
            for source in ("outcome:1", "outcome:2")
        ]

    assert invoice.total_minor == 10001 - 1000
    assert [note.total_minor for note in notes if note] == [4500, 4501]


def test_an_item_beside_one_that_gives_back_is_reversed_in_full(
    organization: OrganizationRef,
) -> None:
    add_tax("19")
    set_profile(organization)
    ask(organization, "-10")
    ask(organization, "12", source="outcome:1")
    tick(BEGINS)
    (invoice,) = invoices(organization)
    pay(organization, invoice)
    with tenant_scope(organization), clock.frozen(BEGINS):
        first, again = (
            item_reverse(organization=organization, source="outcome:1", reason="No.")
            for _ in range(2)
        )

    # 2 of the 12 were paid, with their tax; the others were set off.
    assert invoice.total_minor == 238
    assert first == again
    assert first.credit_note is not None
    assert first.credit_note.returned_minor == 238
    assert first.waits is not None
    assert first.waits.amount == -10
    ask(organization, "30", FEBRUARY)
    tick(FEBRUARY)
    assert invoices(organization)[-1].total_minor == 2380
    assert drifts(organization) == []


def test_an_item_of_an_invoice_of_nothing_is_reversed_by_the_next(
    organization: OrganizationRef,
) -> None:
    ask(organization, "-12")
    ask(organization, "12", source="outcome:1")
    tick(BEGINS)
    with tenant_scope(organization), clock.frozen(BEGINS):
        first, again = (
            item_reverse(organization=organization, source="outcome:1", reason="No.")
            for _ in range(2)
        )

    assert first == again
    assert first.credit_note is None
    assert first.waits is not None
    assert first.waits.amount == -12


def test_a_refund_at_the_provider_of_spent_credit_that_is_owed_lowers_nothing(
    organization: OrganizationRef,
) -> None:
    payment = uuid4()
    made = top_up(organization, 5000, payment_id=payment)
    use(organization, 500_000, BEGINS)  # all 50 USD
    with tenant_scope(organization), clock.frozen(BEGINS):
        invoice_charged_back(
            organization=organization,
            invoice_id=made.invoice.id,
            payment_id=payment,
            amount_minor=2000,
            key="dispute:dp_1",
            reason="Lost.",
        )
        note = invoice_refunded(
            organization=organization,
            invoice_id=made.invoice.id,
            payment_id=payment,
            amount_minor=3000,
            key="refund:re_1",
            reason="Refunded at the payment provider.",
        )

    assert note is not None
    assert note.total_minor == 3000
    with tenant_scope(organization):
        assert Invoice.objects.get().due_minor == 2000


def test_bought_credit_goes_back_as_far_as_it_is_unspent(organization: OrganizationRef) -> None:
    made = top_up(organization, 5000)
    use(organization, 100_000, BEGINS)  # 10 USD

    with pytest.raises(TopUpSpent):
        credit(organization, made.invoice, 4001, return_by=ReturnBy.REFUND)
    note = credit(organization, made.invoice, 1500, return_by=ReturnBy.REFUND)

    assert note.returned_minor == 1500
    with tenant_scope(organization), clock.frozen(BEGINS):
        assert balance_get(organization=organization, unit="USD").available == 25
    credit(organization, made.invoice, 2500, return_by=ReturnBy.REFUND)
    with tenant_scope(organization), clock.frozen(BEGINS):
        assert balance_get(organization=organization, unit="USD").available == 0


def test_bought_credit_that_was_spent_in_parts_of_a_coin_goes_back(
    organization: OrganizationRef,
) -> None:
    made = top_up(organization, 5000)
    use(organization, 1, BEGINS)  # 0.0001 USD

    credit(organization, made.invoice, 1500, return_by=ReturnBy.REFUND)

    with tenant_scope(organization), clock.frozen(BEGINS):
        assert balance_get(organization=organization, unit="USD").available == D("34.9999")


def test_what_a_bank_took_back_takes_what_credit_there_is(organization: OrganizationRef) -> None:
    made = top_up(organization, 5000)
    use(organization, 100_000, BEGINS)

    note = credit(organization, made.invoice, return_by=ReturnBy.OUTSIDE)

    assert note.returned_minor == 5000
    with tenant_scope(organization), clock.frozen(BEGINS):
        assert balance_get(organization=organization, unit="USD").available == 0


def test_bought_credit_does_not_go_back_as_credit(organization: OrganizationRef) -> None:
    with pytest.raises(CreditInvalid):
        credit(organization, top_up(organization, 5000).invoice, 100)


def test_anothers_invoice_is_not_there(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "50")

    with pytest.raises(InvoiceUnknown):
        credit(other_organization, invoice, 100)


def test_usage_on_credit_that_is_refunded_later_lowers_the_next_invoice(
    organization: OrganizationRef,
) -> None:
    add_credit_plan()
    go(organization, "later", BEGINS)
    hold = use(organization, 100_000, BEGINS)
    tick(FEBRUARY)
    with clock.frozen(FEBRUARY), tenant_scope(organization):
        hold_refund(
            organization=organization,
            hold_id=hold,
            key="fault",
            reason="Fault.",
            actor=SYSTEM_ACTOR,
        )
    tick(MARCH)

    assert [row.total_minor for row in invoices(organization)] == [3000 + 1000 + 3000, 2000]
