"""The operator: the one-time link, the console, suspension, grants."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, transaction
from django.db.models import F
from django.test import Client
from pytest_django import Settings

from anneal.console.admin import site
from anneal.kernel.models import AuditEvent
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import (
    OrganizationRef,
    ScopeError,
    current_scope,
    system_scope,
    tenant_scope,
)
from billing.ledger.errors import AccountParked
from billing.ledger.models import Balance
from billing.ledger.selectors import account_get
from billing.ledger.services import hold_take
from tenants.accounts.contracts import HOUSE_ORGANIZATION
from tenants.accounts.models import OperatorLink, User
from tenants.accounts.services import (
    operator_link_create,
    operator_link_use,
    user_create_verified,
)
from tenants.datasets.services import dataset_create_sample
from tests.unit.accounts.helpers import browser_for
from tests.unit.factories import error_of, make_client, make_member, make_user


@pytest.fixture
def operator(db: None) -> Client:
    """A browser signed in by a one-time link."""
    client = Client()
    answer = client.get(f"/operator/{link()}")
    assert answer.status_code == 302
    return client


def link() -> str:
    """Print a link as the command does; its token."""
    with system_scope("test"):
        return operator_link_create()


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.headers.get("Location"))
    return answer.content.decode()


def test_the_link_signs_in_once(db: None) -> None:
    token = link()
    first, second = Client(), Client()

    assert first.get(f"/operator/{token}").headers["Location"] == "/admin/"
    assert second.get(f"/operator/{token}").status_code == 410
    assert first.get("/admin/").status_code == 200
    assert second.get("/admin/").status_code == 302
    assert User.objects.get(email="operator@local").is_staff


def test_an_old_or_invented_link_is_refused(db: None) -> None:
    token = link()
    with system_scope("test"):
        OperatorLink.objects.update(expires_at=F("created_at"))

    assert Client().get(f"/operator/{token}").status_code == 410
    assert Client().get("/operator/invented").status_code == 410
    assert not User.objects.filter(is_staff=True).exists()


def test_the_link_prefers_the_operator_there_is(db: None) -> None:
    with system_scope("test"):
        user_create_verified(email="ops@example.com", password=None, is_staff=True)
    client = Client()

    client.get(f"/operator/{link()}")

    assert client.get("/v1/me").json()["email"] == "ops@example.com"


def test_the_command_prints_a_link(
    db: None, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ANNEAL_SITE_URL = "http://localhost:9999"

    call_command("operator_link")

    printed = capsys.readouterr().out.strip().splitlines()[-1]
    assert printed.startswith("http://localhost:9999/operator/")
    assert Client().get(printed.removeprefix("http://localhost:9999")).status_code == 302


def test_the_link_and_its_use_leave_rows(operator: Client) -> None:
    with tenant_scope(HOUSE_ORGANIZATION):
        actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
        assert list(actions) == ["operator_link.create", "operator.sign_in"]


def test_nobody_becomes_an_operator_without_the_systems_role(db: None) -> None:
    user = make_user()

    for change in (
        lambda: user_create_verified(email="sly@example.com", password=None, is_staff=True),
        lambda: User.objects.filter(id=user.id).update(is_staff=True),
    ):
        with pytest.raises(ProgrammingError, match="system's scope"), transaction.atomic():
            change()
    with tenant_scope(HOUSE_ORGANIZATION):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            operator_link_create()
        with pytest.raises(ScopeError):
            operator_link_use("token")


def test_customers_do_not_enter_the_console(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.OWNER))

    for path in ("/admin/", "/admin/accounts/organization/"):
        answer = browser.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/admin/login/")
    answer = browser.get("/admin/login/?next=/admin/")
    assert answer.headers["Location"] == "/login?next=%2Fadmin%2F"


def test_every_table_shows_its_list_and_a_row_in_few_queries(
    operator: Client,
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    django_assert_max_num_queries: Any,
) -> None:
    with tenant_scope(organization):
        dataset_create_sample(organization=organization, actor=SYSTEM_ACTOR)
        outbox_add(task="x", queue="default", payload={})
    make_client(organization)

    for model, admin in site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        with django_assert_max_num_queries(12):
            page(operator, base)
        page(operator, f"{base}?q=acme")
        with system_scope("test"):
            row = model._default_manager.first()
            key = row.pk if row else None
        if key is not None:
            page(operator, f"{base}{key}/change/")
        assert admin.has_add_permission(None) is False
        assert admin.has_change_permission(None) is False
        assert admin.has_delete_permission(None) is False


def test_the_list_shows_whose_row_it_is(
    operator: Client, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(organization):
        dataset_create_sample(organization=organization, actor=SYSTEM_ACTOR)

    listed = page(operator, "/admin/datasets/dataset/")
    found = page(operator, f"/admin/datasets/dataset/?q={other_organization.slug}")

    assert organization.slug in listed
    assert organization.slug not in found


def test_the_first_page_counts(operator: Client, organization: OrganizationRef) -> None:
    shown = page(operator, "/admin/")

    assert organization.slug in shown
    assert "Organizations" in shown


def test_the_console_speaks_chinese(operator: Client, organization: OrganizationRef) -> None:
    operator.cookies["anneal_language"] = "zh-Hans"

    shown = page(operator, "/admin/")

    assert "组织" in shown
    assert "Newest organizations" not in shown


def test_the_operator_suspends_with_a_reason_and_restores(
    operator: Client, organization: OrganizationRef
) -> None:
    client = make_client(organization)
    base = f"/admin/accounts/organization/{organization.id}"

    assert "reason" in page(operator, f"{base}/suspend/")
    assert "unpaid" not in page(operator, f"{base}/change/")
    assert operator.post(f"{base}/suspend/", {"reason": " "}).status_code == 200
    assert client.get("/v1/organization").status_code == 200
    assert operator.post(f"{base}/suspend/", {"reason": "unpaid"}).status_code == 302

    assert error_of(client.get("/v1/organization"))["code"] == "organization_suspended"
    assert "unpaid" in page(operator, f"{base}/change/")
    assert operator.post(f"{base}/restore/", {"reason": "paid"}).status_code == 302
    assert client.get("/v1/organization").status_code == 200
    with tenant_scope(organization):
        rows = list(AuditEvent.objects.filter(action__startswith="organization.su"))
    assert [(row.actor_kind, row.actor_label) for row in rows] == [("operator", "operator@local")]
    assert rows[0].detail == {"reason": "unpaid"}


def test_the_operator_parks_an_account_with_a_reason_and_frees_it(
    operator: Client, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    base = f"/admin/accounts/organization/{organization.id}"
    assert f"{base}/unpark/" not in page(operator, f"{base}/change/")

    assert operator.post(f"{base}/park/", {"reason": " "}).status_code == 200
    assert operator.post(f"{base}/park/", {"reason": "books differ"}).status_code == 302

    with pytest.raises(AccountParked), tenant_scope(organization):
        hold_take(organization=organization, unit="prediction", amount=1, key="k", ttl_seconds=9)
    with tenant_scope(other_organization):
        assert account_get(organization=other_organization).parked_at is None
    shown = page(operator, f"{base}/change/")
    assert (f"{base}/park/" in shown, f"{base}/unpark/" in shown) == (False, True)
    assert "books differ" in page(operator, "/admin/ledger/customeraccount/")
    assert operator.post(f"{base}/unpark/", {"reason": "mended"}).status_code == 302
    with tenant_scope(organization):
        hold_take(organization=organization, unit="prediction", amount=1, key="k", ttl_seconds=9)
        rows = AuditEvent.objects.filter(action__in=["account.park", "account.unpark"])
        told = [(row.action, row.actor_kind, row.detail["reason"]) for row in rows.order_by("id")]
    assert told == [
        ("account.park", "operator", "books differ"),
        ("account.unpark", "operator", "mended"),
    ]


def test_the_operator_grants_units(operator: Client, organization: OrganizationRef) -> None:
    path = f"/admin/accounts/organization/{organization.id}/grant/"

    once = re.search(r'name="once" value="([0-9a-f-]{36})"', page(operator, path))
    assert once
    body = {
        "once": once[1],
        "unit": "prediction",
        "amount": "500",
        "kind": "operator",
        "priority": "50",
    }
    assert operator.post(path, body | {"reason": "goodwill"}).status_code == 302
    assert operator.post(path, body | {"reason": "sent twice"}).status_code == 302
    other = operator.post(path, body | {"reason": "x", "amount": "700"})
    assert (other.status_code, "gave credit already" in other.content.decode()) == (200, True)

    with tenant_scope(organization):
        assert Balance.objects.get(unit="prediction").granted == Decimal(1500)
        row = AuditEvent.objects.filter(action="balance.grant", actor_kind="operator").get()
    assert "goodwill" in str(row.detail)


def test_every_write_of_an_operator_leaves_a_row(
    operator: Client, organization: OrganizationRef
) -> None:
    path = f"/admin/accounts/organization/{organization.id}/suspend/"

    operator.post(path, {"reason": ""})

    with tenant_scope(HOUSE_ORGANIZATION):
        row = AuditEvent.objects.filter(action="console.post").get()
    assert (row.target, row.actor_label) == (path, "operator@local")


def test_a_write_without_token_is_refused(db: None, organization: OrganizationRef) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get(f"/operator/{link()}")

    answer = client.post(
        f"/admin/accounts/organization/{organization.id}/suspend/", {"reason": "x"}
    )

    assert answer.status_code == 403
    assert make_client(organization).get("/v1/organization").status_code == 200


def test_the_scope_is_closed_after_each_page(operator: Client, db: None) -> None:
    page(operator, "/admin/")
    operator.get("/admin/accounts/organization/nonsense/change/")

    assert current_scope() is None


def test_a_foreign_object_id_in_the_console_is_handled(operator: Client) -> None:
    answer = operator.get(f"/admin/accounts/organization/{'0' * 8}/suspend/")

    assert answer.status_code == 404


def test_the_consoles_policy_does_not_reach_other_pages(operator: Client) -> None:
    console = operator.get("/admin/").headers["Content-Security-Policy"]
    page_policy = operator.get("/login").headers["Content-Security-Policy"]
    api_policy = operator.get("/v1/me").headers["Content-Security-Policy"]

    assert "unsafe-eval" in console
    assert "unsafe" not in page_policy
    assert "unsafe" not in api_policy
    assert "nonce-" in page_policy


def test_the_operator_signs_out(operator: Client) -> None:
    assert operator.post("/admin/logout/").status_code == 302

    assert operator.get("/admin/").status_code == 302
