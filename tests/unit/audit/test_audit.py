"""Reading the audit trail."""

import pytest
from django.db import ProgrammingError, transaction

from anneal.kernel.audit import audit_record
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tests.unit.factories import make_client

AUDIT = "/v1/audit"


def record(organization: OrganizationRef, *actions: str) -> None:
    with tenant_scope(organization):
        for action in actions:
            audit_record(actor=SYSTEM_ACTOR, action=action, target="thing_1")


def test_admins_read_their_own_trail_page_by_page(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    record(organization, "a.one", "a.two", "a.three")
    record(other_organization, "b.secret")
    client = make_client(organization, Role.ADMIN)

    first = client.get(f"{AUDIT}?limit=2").json()
    second = client.get(f"{AUDIT}?limit=2&after={first['data'][-1]['id']}").json()

    seen = [event["action"] for event in first["data"] + second["data"]]
    assert seen[:3] == ["a.three", "a.two", "a.one"]
    assert first["has_more"] is True
    assert "b.secret" not in [e["action"] for e in client.get(f"{AUDIT}?limit=100").json()["data"]]
    assert first["data"][0]["actor"] == {"kind": "system", "id": None, "label": "anneal"}


def test_the_trail_is_narrowed_by_action_and_target(organization: OrganizationRef) -> None:
    record(organization, "a.one", "a.two")
    client = make_client(organization, Role.ADMIN)

    by_action = client.get(f"{AUDIT}?action=a.two").json()["data"]
    by_target = client.get(f"{AUDIT}?target=thing_1").json()["data"]

    assert [event["action"] for event in by_action] == ["a.two"]
    assert len(by_target) == 2


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANNOTATOR, Role.DEVELOPER, Role.BILLING])
def test_others_do_not_read_it(organization: OrganizationRef, role: Role) -> None:
    assert make_client(organization, role).get(AUDIT).status_code == 403


def test_the_trail_cannot_be_changed(organization: OrganizationRef) -> None:
    record(organization, "a.one")

    with (
        tenant_scope(organization),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        AuditEvent.objects.update(action="nothing")
    with (
        tenant_scope(organization),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        AuditEvent.objects.all().delete()
