"""Every route, every kind of credentials: who is suspended, gone or deactivated gets in nowhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope
from tenants.accounts.contracts import UserInfo
from tenants.accounts.models import Membership, User
from tenants.accounts.services import organization_suspend
from tests.unit.accounts.helpers import browser_for
from tests.unit.factories import error_of, make_client, make_key, make_member
from tests.unit.routes import METHODS, replaced, routes, tenant_calls

pytestmark = pytest.mark.django_db

STREAMS = ("v1/fine_tuning/jobs/<str:job_id>/stream", "v1/batches/<str:batch_id>/stream")
CALLS = [*tenant_calls(), *((stream, "get") for stream in STREAMS)]
ID = "ds_" + "0" * 26


def test_the_streams_are_routes() -> None:
    assert set(STREAMS) <= {path for path, _ in routes()}
    assert {method for _, method in CALLS} <= set(METHODS)


def _answers(client: Client, headers: dict[str, str]) -> Iterator[Any]:
    for path, method in CALLS:
        address = replaced(path, ID)
        yield client.generic(
            method.upper(), address, b"{}", content_type="application/json", headers=headers
        )


def _told(answers: Iterator[Any]) -> set[tuple[int, str]]:
    return {(answer.status_code, error_of(answer)["code"]) for answer in answers}


def _session(user: UserInfo, organization: OrganizationRef) -> tuple[Client, dict[str, str]]:
    browser = browser_for(user)
    token = browser.client.cookies["csrftoken"].value
    named = public_id("org_", organization.id)
    return browser.client, {"x-csrftoken": token, "anneal-organization": named}


def _suspend(organization: OrganizationRef) -> None:
    with system_scope("test"):
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")


def test_a_suspended_organization_is_refused_by_key_session_and_session_key(
    organization: OrganizationRef,
) -> None:
    owner = make_member(organization, Role.OWNER)
    client, headers = _session(owner, organization)
    session_key = client.post("/v1/session_keys", headers=headers).json()["key"]
    keys = [session_key, make_key(organization, Role.OWNER)]
    _suspend(organization)

    answers = [_told(_answers(Client(), {"authorization": f"Bearer {key}"})) for key in keys]
    answers.append(_told(_answers(client, headers)))

    assert answers == [{(403, "organization_suspended")}] * 3


def test_suspending_one_organization_leaves_the_other_alone(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    _suspend(other_organization)

    assert make_client(organization).get("/v1/organization").status_code == 200


def test_a_removed_member_is_a_stranger_at_once(organization: OrganizationRef) -> None:
    member = make_member(organization, Role.ADMIN)
    client, headers = _session(member, organization)
    session_key = client.post("/v1/session_keys", headers=headers).json()["key"]
    body = {"name": "k", "scopes": ["predict"]}
    key = client.post("/v1/api_keys", body, content_type="application/json", headers=headers)
    owner = make_client(organization, Role.OWNER, KeyScope.ADMIN)

    owner.delete(f"/v1/organization/members/{public_id('usr_', member.id)}")

    assert _told(_answers(client, headers)) == {(404, "not_found")}
    for text in (session_key, key.json()["key"]):
        told = _told(_answers(Client(), {"authorization": f"Bearer {text}"}))
        assert told == {(401, "authentication_failed")}


def test_a_deactivated_persons_session_is_none(organization: OrganizationRef) -> None:
    member = make_member(organization, Role.OWNER)
    client, headers = _session(member, organization)

    User.objects.filter(id=member.id).update(is_active=False)

    assert _told(_answers(client, headers)) == {(401, "authentication_failed")}


def test_a_session_names_no_organization_of_others(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    member = make_member(organization, Role.OWNER)
    client, headers = _session(member, other_organization)

    assert _told(_answers(client, headers)) == {(404, "not_found")}


def test_a_weaker_role_holds_on_the_next_call(organization: OrganizationRef) -> None:
    member = make_member(organization, Role.ADMIN)
    client, headers = _session(member, organization)
    assert client.get("/v1/audit", headers=headers).status_code == 200

    with system_scope("test"):
        Membership.objects.filter(user_id=member.id).update(role=Role.VIEWER)

    assert client.get("/v1/audit", headers=headers).status_code == 403
