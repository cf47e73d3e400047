"""Disputes: decided by the operator; what is reversed goes back by the way it was charged."""

import json
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.models import CreditNote, Invoice, InvoiceItem
from billing.ledger.selectors import balance_get
from billing.outcomes.contracts import OUTCOME_PREFIX, OutcomeInfo
from billing.outcomes.services import outcome_dispute, outcome_dispute_decide
from tenants.webhooks.models import WebhookEvent
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import add_credit_plan, ask, drifts, go, tick
from tests.unit.outcomes.helpers import (
    NOON,
    accept,
    end,
    job_under,
    make_version,
    money,
    offer,
    outcomes,
)
from tests.unit.webhooks.helpers import make_webhook

pytestmark = pytest.mark.django_db

OPERATOR = Actor(kind="operator", id=None, label="operator@example.com")


@pytest.fixture
def owed(organization: OrganizationRef) -> OutcomeInfo:
    """A fee that is owed by an account that pays later."""
    offer()
    add_credit_plan()
    go(organization, "later", NOON)
    with clock.frozen(NOON):
        job = job_under(organization, accept(organization, make_version(organization)))
        end(organization, job, 0.05, 0.001)
    (outcome,) = outcomes(organization)
    return outcome


def dispute(organization: OrganizationRef, outcome: OutcomeInfo, at: Any = NOON) -> OutcomeInfo:
    with clock.frozen(at), tenant_scope(organization):
        return outcome_dispute(
            organization=organization,
            actor=SYSTEM_ACTOR,
            outcome_id=outcome.id,
            reason="Our data was broken.",
        )


def decide(organization: OrganizationRef, outcome: OutcomeInfo, *, reverse: bool) -> OutcomeInfo:
    with clock.frozen(NOON), system_scope("test"):
        return outcome_dispute_decide(
            organization=organization,
            actor=OPERATOR,
            outcome_id=outcome.id,
            reverse=reverse,
            reason="Looked at it.",
        )


def test_reversed_before_its_invoice_it_is_never_asked_for(
    organization: OrganizationRef, owed: OutcomeInfo
) -> None:
    dispute(organization, owed)
    assert decide(organization, owed, reverse=True).state == "reversed"
    with tenant_scope(organization):
        assert InvoiceItem.objects.get(kind="outcome").dropped_at is not None
        assert CreditNote.objects.count() == 0


def billed(organization: OrganizationRef) -> list[str]:
    """What the outcome's item is on: the kinds of its invoices."""
    with tenant_scope(organization):
        items = InvoiceItem.objects.filter(kind="outcome", invoice__isnull=False)
        return list(items.values_list("invoice__status", flat=True))


def test_a_disputed_outcome_is_on_no_invoice_until_it_is_decided(
    organization: OrganizationRef, owed: OutcomeInfo, client_api: APIClient
) -> None:
    dispute(organization, owed)
    with clock.frozen(NOON):
        upcoming = client_api.get("/v1/billing/invoices/upcoming").json()
    assert "outcome" not in {line["kind"] for line in upcoming["lines"]}

    tick(NOON + timedelta(days=40))
    assert billed(organization) == []
    decide(organization, owed, reverse=False)
    tick(NOON + timedelta(days=80))

    assert billed(organization) == ["final"]
    assert drifts(organization) == []


def test_an_outcome_whose_dispute_is_won_is_on_no_invoice_at_all(
    organization: OrganizationRef, owed: OutcomeInfo
) -> None:
    dispute(organization, owed)
    tick(NOON + timedelta(days=40))
    decide(organization, owed, reverse=True)
    tick(NOON + timedelta(days=80))

    assert billed(organization) == []
    with tenant_scope(organization):
        assert CreditNote.objects.count() == 0


def test_reversed_after_its_invoice_it_comes_back_as_a_credit_note(
    organization: OrganizationRef, owed: OutcomeInfo
) -> None:
    with tenant_scope(organization):
        due = InvoiceItem.objects.get(kind="outcome").due_at
    tick(due)
    dispute(organization, owed)
    assert decide(organization, owed, reverse=True).state == "reversed"
    with tenant_scope(organization):
        note = CreditNote.objects.get()
        assert note.total_minor == 5000
        assert Invoice.objects.get(id=note.invoice_id).credited_minor == 5000
    assert drifts(organization) == []


def test_what_was_paid_in_advance_goes_back_to_the_balance(organization: OrganizationRef) -> None:
    offer()
    money(organization, 60)
    job = job_under(organization, accept(organization, make_version(organization)))
    end(organization, job, 0.05, 0.001)
    (outcome,) = outcomes(organization)
    dispute(organization, outcome, clock.now())
    decide(organization, outcome, reverse=True)
    with tenant_scope(organization):
        assert balance_get(organization=organization, unit="USD").available == 60


def test_an_outcome_tells_the_invoice_that_asks_for_it(
    organization: OrganizationRef, owed: OutcomeInfo, client_api: APIClient
) -> None:
    address = f"/v1/billing/outcomes/{public_id(OUTCOME_PREFIX, owed.id)}"
    assert client_api.get(address).json()["invoice"] is None
    tick(NOON + timedelta(days=40))
    found = client_api.get(address).json()
    invoice = client_api.get(f"/v1/billing/invoices/{found['invoice']}").json()
    assert found["invoice_number"] == invoice["number"]
    assert "outcome" in {line["kind"] for line in invoice["lines"]}


def test_an_outcome_that_is_upheld_is_owed_again_and_disputed_once(
    organization: OrganizationRef, owed: OutcomeInfo
) -> None:
    dispute(organization, owed)
    upheld = decide(organization, owed, reverse=False)
    assert (upheld.state, upheld.dispute_until) == ("confirmed", None)
    with pytest.raises(DomainError) as again:
        dispute(organization, owed)
    assert again.value.code == "outcome_dispute_late"


def test_a_dispute_after_its_days_is_too_late(
    organization: OrganizationRef, owed: OutcomeInfo
) -> None:
    with pytest.raises(DomainError) as late:
        dispute(organization, owed, NOON + timedelta(days=14))
    assert late.value.code == "outcome_dispute_late"


def test_a_decision_is_made_once(organization: OrganizationRef, owed: OutcomeInfo) -> None:
    dispute(organization, owed)
    decide(organization, owed, reverse=True)
    with pytest.raises(DomainError) as again:
        decide(organization, owed, reverse=False)
    assert again.value.code == "outcome_settled"


def test_the_evidence_says_who_decided_what_and_why(
    organization: OrganizationRef, owed: OutcomeInfo, client_api: APIClient
) -> None:
    listed = client_api.get("/v1/billing/outcomes?state=confirmed").json()["data"]
    assert [parse_id("out_", each["id"]) for each in listed] == [owed.id]
    path = f"/v1/billing/outcomes/{listed[0]['id']}"
    with clock.frozen(NOON):
        answer = client_api.post(f"{path}/dispute", {"reason": "Broken."}, format="json")
    assert answer.json()["state"] == "disputed"
    decide(organization, owed, reverse=True)
    steps = client_api.get(path).json()["steps"]
    assert [step["state"] for step in steps] == ["pending", "confirmed", "disputed", "reversed"]
    assert steps[1]["evidence"]["p_value"] == 0.001
    assert steps[1]["evidence"]["baseline"] == "tf_idf"
    assert steps[2]["evidence"] == {"reason": "Broken."}
    assert (steps[3]["actor"], steps[3]["evidence"]["returned"]) == (
        "operator@example.com",
        "item_dropped",
    )
    late = client_api.post(f"{path}/dispute", {"reason": "Again."}, format="json")
    assert error_of(late)["code"] == "outcome_dispute_late"


def test_what_its_invoice_asked_for_less_than_is_given_back_by_the_next(
    organization: OrganizationRef, owed: OutcomeInfo, client_api: APIClient
) -> None:
    # Beside the plan's fee of 30 so much is given back that 5 are to be paid.
    ask(organization, f"{-(30 + owed.amount - 5):f}", NOON)
    tick(NOON)
    dispute(organization, owed)
    decide(organization, owed, reverse=True)

    path = f"/v1/billing/outcomes/{public_id(OUTCOME_PREFIX, owed.id)}"
    evidence = client_api.get(path).json()["steps"][-1]["evidence"]
    assert evidence["returned"] == "credit_note_and_next_invoice"
    with tenant_scope(organization):
        assert CreditNote.objects.get().total_minor == 500
        waits = InvoiceItem.objects.get(source__startswith="reversed:")
    assert waits.amount == 5 - owed.amount
    assert drifts(organization) == []


def told(organization: OrganizationRef) -> list[tuple[str, str]]:
    """Types and states of what webhooks were told of outcomes."""
    with tenant_scope(organization):
        rows = WebhookEvent.objects.filter(type__startswith="outcome.").order_by("id")
        bodies = [json.loads(row.body) for row in rows]
    return [(body["type"], body["data"]["state"]) for body in bodies]


@pytest.mark.parametrize(
    ("reverse", "decided"),
    [
        (True, ("outcome.reversed", "reversed")),
        (False, ("outcome.upheld", "confirmed")),
    ],
)
def test_webhooks_hear_of_each_step(
    organization: OrganizationRef, reverse: bool, decided: tuple[str, str]
) -> None:
    make_webhook(organization, "https://example.com/")
    offer()
    add_credit_plan()
    go(organization, "later", NOON)
    with clock.frozen(NOON):
        job = job_under(organization, accept(organization, make_version(organization)))
        end(organization, job, 0.05, 0.001)
    (outcome,) = outcomes(organization)
    dispute(organization, outcome)
    decide(organization, outcome, reverse=reverse)

    assert told(organization) == [
        ("outcome.confirmed", "confirmed"),
        ("outcome.disputed", "disputed"),
        decided,
    ]
