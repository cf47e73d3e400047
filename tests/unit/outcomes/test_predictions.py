"""Predictions that are paid when feedback confirms them, or nobody calls them wrong in time."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.models import InvoiceItem
from billing.ledger.selectors import balance_get
from billing.metering.selectors import usage_event_get
from billing.outcomes.contracts import ContractInfo, OutcomeInfo
from billing.outcomes.rows import contract_info
from billing.outcomes.selectors import contracts_rows, outcome_steps
from billing.outcomes.services import outcome_contract_end
from mlworker.feedback.services import feedback_give
from mlworker.outcomes.tasks import count, settle
from mlworker.predictions.models import Prediction
from mlworker.serving.selectors import model_resolve
from mlworker.serving.services import deployment_delete
from tests.unit.batches.factories import upload
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import drifts
from tests.unit.outcomes.helpers import (
    NOON,
    PREDICTIONS,
    accept,
    answered,
    make_live,
    money,
    offer,
    outcomes,
)

pytestmark = pytest.mark.django_db

D = Decimal
NEXT = NOON + timedelta(days=1)
OVER = NOON + timedelta(days=8)


@pytest.fixture
def live(organization: OrganizationRef) -> str:
    """A deployment under a contract."""
    offer("sure", PREDICTIONS)
    made = make_live(organization)
    money(organization, 1_000, "prediction")
    with clock.frozen(NOON):
        accept(organization, made, "sure")
    return made


def judge(organization: OrganizationRef, prediction: str, **judgement: Any) -> None:
    with clock.frozen(NEXT), tenant_scope(organization):
        feedback_give(
            organization=organization,
            actor=SYSTEM_ACTOR,
            prediction_id=parse_id("pred_", prediction),
            **judgement,
        )


def tick(at: datetime) -> None:
    with clock.frozen(at):
        count()
        settle()


def contracts(organization: OrganizationRef) -> list[ContractInfo]:
    with tenant_scope(organization):
        rows = contracts_rows(organization=organization).order_by("id")
        return [contract_info(row) for row in rows]


def only(organization: OrganizationRef) -> OutcomeInfo:
    (outcome,) = outcomes(organization)
    return outcome


def test_a_call_costs_nothing_until_something_has_come_of_it(
    organization: OrganizationRef, live: str
) -> None:
    answered(organization, live, 10)
    with tenant_scope(organization):
        found = balance_get(organization=organization, unit="prediction")
        assert (found.held, found.consumed) == (0, 0)
        assert model_resolve(organization=organization, name="live").by_outcome
    assert outcomes(organization) == []


def test_a_day_is_counted_once_and_waits_for_feedback(
    organization: OrganizationRef, live: str
) -> None:
    answered(organization, live, 10)
    tick(NOON)
    assert outcomes(organization) == []
    tick(NEXT)
    tick(NEXT)
    found = only(organization)
    assert (found.state, found.quantity) == ("pending", 10)
    assert found.settle_at == datetime(2029, 3, 13, tzinfo=NOON.tzinfo)


def test_undisputed_predictions_are_assumed_and_those_called_wrong_are_not_paid(
    organization: OrganizationRef, live: str
) -> None:
    money(organization, 5)
    ids = answered(organization, live, 10)
    tick(NEXT)
    judge(organization, ids[0], label="negative")
    judge(organization, ids[1], rating=1)
    judge(organization, ids[2], rating=5)
    judge(organization, ids[3], comment="Hm.")
    tick(OVER)
    found = only(organization)
    assert (found.state, found.quantity, found.amount) == ("assumed", 8, D("0.40"))
    assert found.payment == "balance"
    with tenant_scope(organization):
        assert balance_get(organization=organization, unit="USD").consumed == D("0.40")
        *_, last = outcome_steps(organization=organization, outcome_id=found.id)
    assert last.evidence["charged"] == "0.4 USD"
    assert drifts(organization) == []


def keep(organization: OrganizationRef, prediction: str, labels: list[str]) -> None:
    """Keep an answer in the prediction log."""
    with tenant_scope(organization):
        event = usage_event_get(organization=organization, event_id=parse_id("pred_", prediction))
        Prediction(
            id=event.id,
            organization_id=organization.id,
            deployment_id=event.deployment_id,
            model=event.model,
            labels=labels,
        ).save(force_insert=True)


def test_a_low_rating_costs_nothing_whatever_label_stands_beside_it(
    organization: OrganizationRef, live: str
) -> None:
    right, poor = answered(organization, live, 2)
    for each in (right, poor):
        keep(organization, each, ["positive"])
    judge(organization, right, label="positive")
    judge(organization, poor, label="positive", rating=1)
    tick(NEXT)
    tick(OVER)
    assert (only(organization).state, only(organization).quantity) == ("confirmed", 1)


def test_labels_of_several_confirm_in_any_order_and_call_wrong_when_one_differs(
    organization: OrganizationRef, live: str
) -> None:
    ids = answered(organization, live, 4, task="multi_label_classification")
    for each in ids[:3]:
        keep(organization, each, ["art", "war"])
    for each, labels in zip(
        ids, [["war", "art"], ["art"], ["art", "war", "law"], ["art", "war"]], strict=True
    ):
        judge(organization, each, answer={"labels": labels})
    tick(NEXT)
    tick(OVER)
    assert (only(organization).state, only(organization).quantity) == ("confirmed", 1)


def test_a_day_with_two_contracts_is_paid_by_each_from_its_acceptance_on(
    organization: OrganizationRef, live: str
) -> None:
    offer("cheap", replace(PREDICTIONS, price=D("0.01")))
    (first,) = contracts(organization)
    answered(organization, live, 3, NOON + timedelta(minutes=10))
    with clock.frozen(NOON + timedelta(hours=1)), tenant_scope(organization):
        outcome_contract_end(organization=organization, actor=SYSTEM_ACTOR, contract_id=first.id)
    # A gateway that has not heard of the end yet.
    answered(organization, live, 1, NOON + timedelta(hours=1, seconds=9))
    with clock.frozen(NOON + timedelta(hours=2)):
        second = accept(organization, live, "cheap")
    answered(organization, live, 5, NOON + timedelta(hours=3))
    tick(NEXT)
    tick(NEXT + timedelta(days=1))
    assert [
        (each.contract_id, each.quantity, each.unit_price) for each in outcomes(organization)
    ] == [
        (first.id, 4, D("0.05")),
        (second.id, 5, D("0.01")),
    ]
    assert {each.settle_at for each in outcomes(organization)} == {
        datetime(2029, 3, 13, tzinfo=NOON.tzinfo)
    }


def test_a_day_that_feedback_confirmed_whole_is_confirmed(
    organization: OrganizationRef, live: str
) -> None:
    money(organization, 5)
    ids = answered(organization, live, 2)
    tick(NEXT)
    judge(organization, ids[0], rating=5)
    judge(organization, ids[1], rating=4)
    tick(OVER)
    assert only(organization).state == "confirmed"


def test_a_day_of_wrong_answers_costs_nothing(organization: OrganizationRef, live: str) -> None:
    ids = answered(organization, live, 1)
    tick(NEXT)
    judge(organization, ids[0], label="negative")
    tick(OVER)
    found = only(organization)
    assert (found.state, found.amount, found.payment) == ("reversed", 0, "")


def test_what_the_balance_does_not_cover_is_invoiced(
    organization: OrganizationRef, live: str
) -> None:
    answered(organization, live, 10)
    tick(NEXT)
    tick(OVER)
    tick(OVER)
    assert (only(organization).state, only(organization).payment) == ("assumed", "invoice")
    with tenant_scope(organization):
        item = InvoiceItem.objects.get(kind="outcome")
    assert (item.amount, item.quantity, item.params) == (D("0.50"), 10, {"name": "live"})


def test_feedback_after_the_window_changes_nothing(
    organization: OrganizationRef, live: str
) -> None:
    ids = answered(organization, live, 1)
    tick(NEXT)
    tick(OVER)
    judge(organization, ids[0], label="negative")
    tick(OVER + timedelta(days=1))
    assert only(organization).state == "assumed"


def test_a_deleted_deployment_ends_its_contract_and_its_last_day_is_still_settled(
    organization: OrganizationRef, live: str, client_api: APIClient
) -> None:
    answered(organization, live, 3)
    with clock.frozen(NOON), tenant_scope(organization):
        deployment_delete(
            organization=organization,
            actor=SYSTEM_ACTOR,
            deployment_id=parse_id("dep_", live),
        )
    contracts = client_api.get("/v1/billing/outcome_contracts").json()["data"]
    assert [each["state"] for each in contracts] == ["ended"]
    tick(NEXT)
    tick(OVER)
    assert (only(organization).state, only(organization).quantity) == ("assumed", 3)


def test_an_ended_contract_leaves_calls_to_their_usual_price(
    organization: OrganizationRef, live: str, client_api: APIClient
) -> None:
    made = client_api.get("/v1/billing/outcome_contracts").json()["data"][0]["id"]
    assert client_api.post(f"/v1/billing/outcome_contracts/{made}/end").status_code == 200
    with tenant_scope(organization):
        assert not model_resolve(organization=organization, name="live").by_outcome


def test_a_batch_on_a_deployment_under_contract_is_refused_and_its_model_named(
    organization: OrganizationRef, client_api: APIClient, live: str
) -> None:
    file_id = upload(client_api, b"text\nFine.\n", "rows.csv")
    body = {"input_file_id": file_id, "endpoint": "/v1/classify", "model": "live"}

    refused = client_api.post("/v1/batches", body, format="json")
    estimated = client_api.post("/v1/batches/estimate", body, format="json")
    on_its_model = client_api.post("/v1/batches", body | {"model": "sentiment-en"}, format="json")

    assert error_of(refused)["code"] == error_of(estimated)["code"] == "batch_under_contract"
    assert "'sentiment-en'" in error_of(refused)["message"]
    assert on_its_model.status_code == 200
