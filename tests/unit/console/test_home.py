"""The first steps, computed from facts."""

from typing import Any

from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.datasets.services import dataset_create_sample
from tests.unit.accounts.helpers import browser_for
from tests.unit.factories import make_client, make_member

HOME = "/v1/home"


def done(client: Any) -> list[str]:
    return [step["id"] for step in client.get(HOME).json()["steps"] if step["done"]]


def test_a_new_organization_has_done_nothing(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.VIEWER))

    steps = browser.get(HOME).json()["steps"]

    assert [step["id"] for step in steps] == [
        "predict",
        "key",
        "data",
        "train",
        "deploy",
        "call_own_model",
    ]
    assert not any(step["done"] for step in steps)


def test_a_step_is_done_by_its_fact_and_only_for_its_owner(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    other = browser_for(make_member(other_organization, Role.VIEWER))
    client = make_client(organization)
    with tenant_scope(organization):
        dataset_create_sample(organization=organization, actor=SYSTEM_ACTOR)

    assert done(client) == ["key", "data"]
    assert done(other) == []


def test_the_facts_cost_one_query(
    organization: OrganizationRef, django_assert_max_num_queries: Any
) -> None:
    client = make_client(organization)
    client.get(HOME)

    # key, scope in, facts, scope out; savepoints of the test's own transaction
    with django_assert_max_num_queries(6):
        client.get(HOME)
