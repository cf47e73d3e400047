"""What the operator does with outcomes in the console."""

import pytest
from django.test import Client

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.selectors import balance_get
from billing.outcomes.models import OutcomePolicy, OutcomePolicyVersion
from billing.outcomes.selectors import policies_offered
from billing.outcomes.services import outcome_dispute
from tests.unit.console.test_money_pages import actors, post
from tests.unit.console.test_operator import operator, page
from tests.unit.outcomes.helpers import (
    accept,
    end,
    job_under,
    make_version,
    money,
    offer,
    outcomes,
)

__all__ = ["operator"]  # a fixture of the console's tests

pytestmark = pytest.mark.django_db

POLICIES = "/admin/outcomes/outcomepolicy"
TERMS = {
    "price": "50",
    "currency": "USD",
    "margin": "0.02",
    "level": "0.05",
    "window_days": "",
    "dispute_days": "14",
}


def test_a_policy_is_drafted_published_and_withdrawn(operator: Client) -> None:
    body = {"code": "win", "kind": "success_fee", "name_en": "Win", "name_zh": "赢"}
    page(operator, f"{POLICIES}/add-policy/")
    assert post(operator, f"{POLICIES}/add-policy/", body)[0] == 302
    assert "exists" in post(operator, f"{POLICIES}/add-policy/", body)[1]
    with system_scope("test"):
        policy = OutcomePolicy.objects.get()
    draft = f"{POLICIES}/{policy.id}/draft/"
    page(operator, draft)
    assert "above 0" in post(operator, draft, TERMS | {"price": "0"})[1]
    assert post(operator, draft, TERMS)[0] == 302
    assert "0.02" in page(operator, draft)
    with system_scope("test"):
        version = OutcomePolicyVersion.objects.get()
    publish = f"/admin/outcomes/outcomepolicyversion/{version.id}/publish/"
    page(operator, publish)
    assert post(operator, publish, {})[0] == 302
    assert "never changes" in post(operator, publish, {})[1]
    with system_scope("test"):
        assert [each.code for each in policies_offered()] == ["win"]
    page(operator, f"{POLICIES}/{policy.id}/offer/")
    assert post(operator, f"{POLICIES}/{policy.id}/offer/", {})[0] == 302
    with system_scope("test"):
        assert policies_offered() == ()


def test_a_dispute_is_decided_with_its_evidence_in_view(
    operator: Client, organization: OrganizationRef
) -> None:
    offer()
    money(organization, 60)
    job = job_under(organization, accept(organization, make_version(organization)))
    end(organization, job, 0.05, 0.001)
    (outcome,) = outcomes(organization)
    decide = f"/admin/outcomes/outcome/{outcome.id}/decide/"
    body = {"decision": "reverse", "reason": "It was broken."}
    page(operator, decide)
    assert "gone on" in post(operator, decide, body)[1]
    with clock.frozen(clock.now()), tenant_scope(organization):
        outcome_dispute(
            organization=organization,
            actor=SYSTEM_ACTOR,
            outcome_id=outcome.id,
            reason="Not ours.",
        )
    shown = page(operator, f"/admin/outcomes/outcome/{outcome.id}/change/")
    assert "Not ours." in shown
    assert "p_value" in shown
    assert post(operator, decide, body)[0] == 302
    assert outcomes(organization)[0].state == "reversed"
    with tenant_scope(organization):
        assert balance_get(organization=organization, unit="USD").available == 60
    page(operator, "/admin/outcomes/outcomecontract/")
    assert actors("outcome.reverse") == {"operator@local"}
