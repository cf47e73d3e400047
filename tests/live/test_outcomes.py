"""Outcome contracts from the start to their settlement, as customer and operator see them."""

import json
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.live.machine import Installation
from tests.live.training import Customer, lora

OFFER = """
from decimal import Decimal as D
from uuid import UUID
from anneal.kernel.principal import SYSTEM_ACTOR as A
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.outcomes.contracts import OutcomeKind, PolicyTerms
from billing.outcomes import services as outcomes
from billing.plans.contracts import Overage, Period, PlanTerms
from billing.plans import services as plans
with system_scope("test"):
    outcomes.outcome_policy_add(
        actor=A, code="sure", kind=OutcomeKind.CONFIRMED_PREDICTION, name_en="sure", name_zh="准")
    terms = PolicyTerms(price=D("0.01"), currency="USD", dispute_days=14, window_days=7)
    made = outcomes.outcome_policy_version_draft(actor=A, policy="sure", terms=terms)
    outcomes.outcome_policy_version_publish(actor=A, version_id=made.id)
    for code, margin in (("gains", D(0)), ("never", D("0.9"))):
        outcomes.outcome_policy_add(
            actor=A, code=code, kind=OutcomeKind.SUCCESS_FEE, name_en=code, name_zh=code)
        # Sixty rows prove little: half the certainty of a coin is asked for.
        terms = PolicyTerms(
            price=D(50), currency="USD", dispute_days=14, margin=margin, level=D("0.5"))
        made = outcomes.outcome_policy_version_draft(actor=A, policy=code, terms=terms)
        outcomes.outcome_policy_version_publish(actor=A, version_id=made.id)
    plans.plan_add(actor=A, code="later", name_en="Later", name_zh="后付")
    terms = PlanTerms(fee=D(0), currency="USD", period=Period.MONTH, included={},
                      overage=Overage.INVOICE, credit_line=D(1000))
    made = plans.plan_version_draft(actor=A, plan="later", terms=terms)
    plans.plan_version_publish(actor=A, version_id=made.id)
organization = OrganizationRef(id=UUID("ORGANIZATION"), slug="SLUG")
with tenant_scope(organization):
    plans.subscription_change(organization=organization, actor=A, plan="later", assigned=True)
"""
REVERSE = """
from uuid import UUID
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.outcomes.services import outcome_dispute_decide
with system_scope("test"):
    outcome_dispute_decide(
        organization=OrganizationRef(id=UUID("ORGANIZATION"), slug="SLUG"),
        actor=Actor(kind="operator", id=None, label="operator@example.com"),
        outcome_id=parse_id("out_", "OUTCOME"), reverse=True, reason="The data was broken.")
"""
CLOSE_NOW = (
    "UPDATE invoices_invoiceschedule SET closes_at = now() - interval '1 s'"
    " WHERE organization_id = %s"
)


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Customer:
    """An organization whose plan is paid by invoice, where two policies are on offer."""
    made = Customer(installation)
    operate(made, OFFER)
    return made


def operate(customer: Customer, code: str, **values: str) -> None:
    """Do what an operator does in the console."""
    named = {"ORGANIZATION": str(customer.organization), "SLUG": customer.slug, **values}
    for name, value in named.items():
        code = code.replace(name, value)
    customer.installation.manage("shell", "--verbosity", "0", "-c", code)


def version_of(customer: Customer, dataset: str) -> str:
    return str(customer.get(f"/datasets/{dataset}/versions")["data"][0]["id"])


def accepted(customer: Customer, policy: str, subject: str) -> str:
    """Read a contract and accept it; its id."""
    asked = {"policy": policy, "subject": subject}
    quote = customer.post("/billing/outcome_contracts/quote", asked)
    body = {**asked, "terms_hash": quote["terms_hash"]}
    return str(customer.post("/billing/outcome_contracts", body)["id"])


def outcome_of(customer: Customer, contract: str) -> dict[str, Any]:
    (outcome,) = customer.get(f"/billing/outcomes?contract={contract}")["data"]
    return dict(customer.get(f"/billing/outcomes/{outcome['id']}"))


def waited(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


def test_sealed_rows_can_neither_be_read_nor_trained_on(customer: Customer) -> None:
    dataset = customer.dataset(400)
    rows = customer.get(f"/datasets/{dataset}/rows?split=test&limit=100")["data"]
    contract = accepted(customer, "gains", version_of(customer, dataset))

    shut = customer.call("GET", f"/datasets/{dataset}/rows?split=test")
    assert (shut.status_code, shut.json()["error"]["code"]) == (409, "rows_sealed")

    seen = customer.get(f"/datasets/{dataset}/rows?split=train&limit=100")["data"]
    lines = [json.dumps({"text": row["text"], "label": row["label"]}) for row in [*seen, *rows]]
    upload = {"file": ("mine.jsonl", "\n".join(lines), "application/jsonl")}
    mine = customer.call("POST", "/datasets", files=upload).json()["id"]
    body = {"model": "minilm-l6", "training_file": mine, "outcome_contract": contract}
    refused = customer.call("POST", "/fine_tuning/jobs", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "rows_sealed")
    assert customer.get(f"/billing/outcomes?contract={contract}")["data"] == []


def test_a_model_that_does_not_gain_enough_costs_no_fee(customer: Customer) -> None:
    dataset = customer.dataset(300)
    version = version_of(customer, dataset)
    contract = accepted(customer, "never", version)
    job = customer.submit(dataset, tier="head", seed=7, outcome_contract=contract)
    done = customer.ended(job, 180)
    assert done["status"] == "succeeded"
    lineage = customer.get(f"/models/{done['fine_tuned_model']}")["lineage"]
    assert (lineage["sealed_version"], len(lineage["sealed_hash"])) == (version, 64)
    outcome = outcome_of(customer, contract)
    assert (outcome["state"], outcome["subject"], outcome["payment"]) == ("reversed", job, None)
    assert outcome["steps"][-1]["evidence"]["sealed_rows"] is True


def test_a_fee_that_was_earned_disputed_and_reversed_ends_in_a_credit_note(
    customer: Customer,
) -> None:
    dataset = customer.dataset(600)
    contract = accepted(customer, "gains", version_of(customer, dataset))
    job = customer.submit(dataset, **lora(4), outcome_contract=contract)
    assert customer.ended(job, 400)["status"] == "succeeded"
    outcome = outcome_of(customer, contract)
    assert outcome["state"] == "confirmed", outcome["steps"]
    assert outcome["payment"] == "invoice"

    with psycopg.connect(customer.installation.superuser_url, autocommit=True) as link:
        link.execute(CLOSE_NOW, [customer.organization])
    (invoice,) = waited(lambda: customer.get("/billing/invoices")["data"])
    assert invoice["total"] == "50.00"

    path = f"/billing/outcomes/{outcome['id']}"
    assert customer.post(f"{path}/dispute", {"reason": "It was broken."})["state"] == "disputed"
    operate(customer, REVERSE, OUTCOME=outcome["id"])
    told = customer.get(path)
    assert told["state"] == "reversed"
    (note,) = customer.get("/billing/credit_notes")["data"]
    assert told["steps"][-1]["evidence"]["credit_note"] == note["id"]
    assert note["invoice"] == invoice["id"]


def test_predictions_under_a_contract_are_counted_judged_and_charged_nothing_yet(
    customer: Customer,
) -> None:
    made = customer.post("/deployments", {"name": "sure-live", "model": "sentiment-en"})
    texts = ["A delight from start to end.", "A waste of an evening.", "Not bad at all."]
    body = {"model": "sure-live", "input": texts}
    before = customer.post("/classify", body)
    contract = accepted(customer, "sure", made["id"])

    def answered() -> list[dict[str, Any]]:
        answer = customer.post("/classify", body)["data"]
        found = "SELECT 1 FROM metering_usageevent WHERE organization_id = %s AND meter = "
        return list(answer) if customer.rows(found + "'outcome_prediction'") else []

    # The gateway hears of the contract within moments, at the latest when it looks again.
    answer = waited(answered)
    assert [line["label"] for line in answer] == [line["label"] for line in before["data"]]
    sums = "SELECT sum(units) FROM metering_usageevent WHERE organization_id = %s AND meter = "
    paid = customer.rows(sums + "'prediction'")
    customer.post("/classify", body)
    assert customer.rows(sums + "'prediction'") == paid
    ((consumed, held),) = customer.rows(
        "SELECT consumed, held FROM ledger_balance"
        " WHERE organization_id = %s AND unit = 'prediction'"
    )
    assert ((consumed,), held) == (paid[0], 0)
    judged = customer.post("/feedback", {"prediction": answer[0]["id"], "label": "negative"})
    assert judged["prediction"] == answer[0]["id"]
    assert customer.post(f"/billing/outcome_contracts/{contract}/end")["state"] == "ended"
