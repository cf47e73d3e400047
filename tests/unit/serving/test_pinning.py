"""A stream that is resumed under its key goes on with the model and the shape it began with."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.errors import QuotaExhausted
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.errors import LimitReached
from billing.ledger.models import Hold
from billing.ledger.services import limit_set
from mlworker.registry.services import model_version_delete
from mlworker.serving.errors import ModelNotFound
from mlworker.serving.gateway.models import Beginning, Target, pinned_target
from mlworker.serving.models import StreamPin
from mlworker.serving.tasks import forget_pins
from tests.unit.serving.factories import act

pytestmark = pytest.mark.django_db

TO_CANARY, TO_MAIN = bytes(16), b"\x00\x00\x00\x63" * 4
RULE = {"name": "money", "pattern": "refund*", "label": "billing"}


def begun(
    organization: OrganizationRef, digest: str = "a", random: bytes = TO_MAIN, *, items: int = 64
) -> Target:
    """Begin or resume a stream."""
    with tenant_scope(organization):
        return pinned_target(organization, "reviews", Beginning(digest, random, items))


def answers(target: Target, random: bytes = TO_MAIN) -> tuple[str, tuple[str, ...], int]:
    """The model that answers, its labels as they are shown, and the number of rules."""
    choice = target.choose(random)
    shape = choice.shape
    if shape is None:
        return choice.servable.name, choice.servable.labels, 0
    return choice.servable.name, shape.labels, len(shape.before)


def put(client: APIClient, deployment: str, what: str, body: Any) -> None:
    done = client.put(f"/v1/deployments/{deployment}/{what}", body, format="json")
    assert done.status_code == 200, done.content


def test_a_promotion_and_new_names_and_rules_are_for_streams_that_begin_after_them(
    client_api: APIClient, organization: OrganizationRef, deployment: str, first: str, second: str
) -> None:
    put(client_api, deployment, "output", {"labels": {"positive": "good"}})
    begun(organization)

    put(client_api, deployment, "output", {"labels": {"positive": "great"}})
    put(client_api, deployment, "rules", {"rules": [RULE]})
    act(client_api, deployment, "promote", model=second)
    resumed = begun(organization)

    assert answers(resumed) == (first, ("negative", "good"), 0)
    assert not resumed.compared
    assert answers(begun(organization, "b")) == (second, ("negative", "great"), 1)


def test_a_stream_that_began_on_the_canary_stays_there(
    client_api: APIClient, organization: OrganizationRef, deployment: str, first: str, second: str
) -> None:
    act(client_api, deployment, "promote", canary={"model": second, "percent": 10})
    assert answers(begun(organization, "a", TO_CANARY))[0] == second
    assert answers(begun(organization, "b", TO_MAIN))[0] == first

    on_canary, on_main = begun(organization, "a", TO_MAIN), begun(organization, "b", TO_CANARY)

    assert {answers(on_canary, random)[0] for random in (TO_MAIN, TO_CANARY)} == {second}
    assert {answers(on_main, random)[0] for random in (TO_MAIN, TO_CANARY)} == {first}
    assert on_canary.compared
    act(client_api, deployment, "rollback")
    assert answers(begun(organization, "a"))[0] == second


def test_a_stream_whose_model_was_deleted_is_refused_with_the_way_out(
    client_api: APIClient, organization: OrganizationRef, deployment: str, first: str, second: str
) -> None:
    begun(organization)
    act(client_api, deployment, "promote", model=second)
    with tenant_scope(organization):
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=first)

    with pytest.raises(ModelNotFound, match="under a new key"):
        begun(organization)


def test_a_stream_that_nobody_can_pay_leaves_nothing_behind(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    with pytest.raises(QuotaExhausted):
        begun(organization, items=1_001)
    with tenant_scope(organization):
        limit_set(organization=organization, unit="prediction", window="month", amount=64)
    with pytest.raises(LimitReached):
        begun(organization, items=65)

    with tenant_scope(organization):
        assert not StreamPin.objects.exists()
        assert not Hold.objects.exists()


def test_a_stream_is_resumed_when_the_balance_is_used_up(
    client_api: APIClient, organization: OrganizationRef, deployment: str, first: str, second: str
) -> None:
    begun(organization)
    act(client_api, deployment, "promote", model=second)
    with tenant_scope(organization):
        limit_set(organization=organization, unit="prediction", window="month", amount=0)

    assert answers(begun(organization))[0] == first


def test_what_began_is_kept_as_long_as_its_last_part_and_then_forgotten(
    client_api: APIClient, organization: OrganizationRef, deployment: str, first: str, second: str
) -> None:
    begun(organization)
    act(client_api, deployment, "promote", model=second)

    with clock.frozen(clock.now() + timedelta(hours=24)):
        assert answers(begun(organization))[0] == first
    with clock.frozen(clock.now() + timedelta(hours=48)):
        forget_pins()
        assert answers(begun(organization))[0] == first
    with clock.frozen(clock.now() + timedelta(hours=74)):
        assert answers(begun(organization))[0] == second
    with clock.frozen(clock.now() + timedelta(hours=100)):
        forget_pins()
    with tenant_scope(organization):
        assert not StreamPin.objects.exists()
