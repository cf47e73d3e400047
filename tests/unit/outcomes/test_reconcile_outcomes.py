"""Reconcile goes on to outcomes: what is owed was charged, what is reversed was given back."""

from collections.abc import Iterator
from typing import Any

import pytest

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.outcomes.services import outcome_dispute, outcome_dispute_decide
from tests.unit.billing.test_reconcile import reconciled
from tests.unit.billing.test_reconcile_tampered import Tamper, _door, tamper
from tests.unit.factories import make_organization
from tests.unit.invoices.helpers import add_credit_plan, go
from tests.unit.outcomes.helpers import (
    accept,
    end,
    job_under,
    make_version,
    money,
    offer,
    outcomes,
)
from tests.unit.worlds import TwoLives, organization, other_organization, world

__all__ = ["_door", "organization", "other_organization", "tamper"]  # fixtures of others

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def _two_lives(_door: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[TwoLives]:
    """One pays in advance, had a fee reversed and owes another; the other pays later."""
    with world(django_db_blocker):
        both = make_organization("acme"), make_organization("rival")
        _live(*both)
        yield both


def _live(organization: OrganizationRef, other_organization: OrganizationRef) -> None:
    offer()
    add_credit_plan(fee="0")
    go(other_organization, "later", clock.now())
    money(organization, 200)
    for one in (organization, other_organization):
        contract = accept(one, make_version(one))
        for gain in (0.05, 0.06, -0.1):
            end(one, job_under(one, contract), gain, 0.001)
    reversed_one = outcomes(organization)[0]
    with tenant_scope(organization):
        values: dict[str, Any] = {
            "organization": organization,
            "actor": SYSTEM_ACTOR,
            "outcome_id": reversed_one.id,
            "reason": "Broken.",
        }
        outcome_dispute(**values)
        outcome_dispute_decide(reverse=True, **values)


def test_nothing_differs_before_anybody_tampers(organization: OrganizationRef) -> None:
    states = [each.state.value for each in outcomes(organization)]
    assert states == ["reversed", "confirmed", "reversed"]
    assert reconciled() == (0, [{"drift": 0, "parked": []}])


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("SET quantity = 2 WHERE payment = 'invoice'", "outcomes.invoiced"),
        ("SET state = 'reversed' WHERE payment = 'balance'", "outcomes.charged"),
        ("SET state = 'confirmed' WHERE payment = 'balance'", "outcomes.charged"),
        ("SET hold_id = NULL WHERE payment = 'balance'", "outcomes.charged"),
    ],
)
def test_a_hand_in_the_outcomes_is_found(
    organization: OrganizationRef, tamper: Tamper, statement: str, check: str
) -> None:
    assert tamper("outcomes_outcome", f"UPDATE outcomes_outcome {statement}")
    status, lines = reconciled()
    assert status == 1
    assert {line["check"] for line in lines[:-1]} == {check}
