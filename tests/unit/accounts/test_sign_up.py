"""Sign-up, login and reset through allauth's headless browser API."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from anneal.kernel.models import AuditEvent
from anneal.kernel.scopes import system_scope
from billing.ledger.models import Balance
from tenants.accounts.mailbox import mails_read
from tenants.accounts.models import Membership, Organization, User
from tests.unit.accounts.helpers import ALLAUTH, PASSWORD, Browser, code_mailed_to, sign_up

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_mailbox(settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "tenants.accounts.mailbox.MailboxBackend"
    settings.ANNEAL_HOME = tmp_path
    cache.clear()


def test_sign_up_waits_for_the_code_and_then_signs_in() -> None:
    browser = Browser()

    answer = sign_up(browser, "Ada@Example.com")
    assert answer.status_code == 401
    pending = [flow["id"] for flow in answer.json()["data"]["flows"] if flow.get("is_pending")]
    assert pending == ["verify_email"]
    assert browser.get("/v1/me").status_code == 401

    answer = browser.post(
        f"{ALLAUTH}/auth/email/verify", {"key": code_mailed_to("ada@example.com")}
    )
    assert answer.status_code == 200
    assert browser.get("/v1/me").json()["email"] == "ada@example.com"


def test_sign_up_makes_an_organization_with_its_owner_and_trial() -> None:
    browser = Browser()

    sign_up(browser, "ada@example.com", name="Ada")

    user = User.objects.get(email="ada@example.com")
    with system_scope("test"):
        membership = Membership.objects.select_related("organization").get(user=user)
        balances = Balance.objects.filter(organization_id=membership.organization_id)
        granted = {balance.unit: balance.granted for balance in balances}
        actions = set(
            AuditEvent.objects.filter(organization_id=membership.organization_id).values_list(
                "action", flat=True
            )
        )
    assert membership.role == "owner"
    assert membership.organization.name == "Ada's workspace"
    assert membership.organization.slug.startswith("ada-")
    assert granted == {"prediction": Decimal(1000), "trained_token": Decimal(10_000_000)}
    assert "organization.create" in actions


def test_sign_up_in_chinese_sends_chinese_mail_and_names_the_workspace_so() -> None:
    browser = Browser(language="zh-Hans")

    sign_up(browser, "li@example.com", name="李雷")

    with system_scope("test"):
        organization = Organization.objects.order_by("-id").first()
    assert organization is not None
    assert organization.name == "李雷 的工作区"
    assert User.objects.get(email="li@example.com").language == "zh-hans"
    mail = mails_read(to="li@example.com")[0]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in mail.subject + mail.text)


def test_a_wrong_code_three_times_ends_the_attempt() -> None:
    browser = Browser()
    sign_up(browser, "ada@example.com")

    answers = [
        browser.post(f"{ALLAUTH}/auth/email/verify", {"key": "WRONG1"}).status_code
        for _ in range(4)
    ]

    assert answers[0] == 400
    assert answers[-1] == 409


def test_a_known_and_an_unknown_address_get_the_same_answer() -> None:
    first = Browser()
    sign_up(first, "ada@example.com")
    first.post(f"{ALLAUTH}/auth/email/verify", {"key": code_mailed_to("ada@example.com")})
    cache.clear()  # the pause between two mails to one address

    known = sign_up(Browser(), "ada@example.com")
    unknown = sign_up(Browser(), "bob@example.com")
    assert (known.status_code, known.json()["data"]) == (
        unknown.status_code,
        unknown.json()["data"],
    )

    known = Browser().post(f"{ALLAUTH}/auth/password/request", {"email": "ada@example.com"})
    unknown = Browser().post(f"{ALLAUTH}/auth/password/request", {"email": "none@example.com"})
    assert (known.status_code, known.json()["data"]) == (
        unknown.status_code,
        unknown.json()["data"],
    )
    assert mails_read(to="none@example.com") == []


def test_signing_up_again_makes_no_second_organization() -> None:
    sign_up(Browser(), "ada@example.com")
    sign_up(Browser(), "ada@example.com")

    with system_scope("test"):
        assert Membership.objects.filter(user__email="ada@example.com").count() == 1


def test_login_logout_and_reset_by_code() -> None:
    browser = Browser()
    sign_up(browser, "ada@example.com")
    browser.post(f"{ALLAUTH}/auth/email/verify", {"key": code_mailed_to("ada@example.com")})

    assert browser.call("DELETE", f"{ALLAUTH}/auth/session").status_code == 401
    assert browser.get("/v1/me").status_code == 401
    wrong = browser.post(
        f"{ALLAUTH}/auth/login", {"email": "ada@example.com", "password": "not-this-one"}
    )
    assert wrong.status_code == 400

    browser.post(f"{ALLAUTH}/auth/password/request", {"email": "ada@example.com"})
    code = code_mailed_to("ada@example.com")
    changed = browser.post(
        f"{ALLAUTH}/auth/password/reset", {"key": code, "password": "another-long-pass-88"}
    )
    assert changed.status_code in (200, 401)
    again = Browser()
    old = again.post(f"{ALLAUTH}/auth/login", {"email": "ada@example.com", "password": PASSWORD})
    assert old.status_code == 400
    new = again.post(
        f"{ALLAUTH}/auth/login", {"email": "ada@example.com", "password": "another-long-pass-88"}
    )
    assert new.status_code == 200


def test_failed_logins_are_limited() -> None:
    sign_up(Browser(), "ada@example.com")
    attempt = {"email": "ada@example.com", "password": "not-this-one"}

    answers = [Browser().post(f"{ALLAUTH}/auth/login", attempt) for _ in range(7)]

    assert answers[0].json()["errors"][0]["code"] == "email_password_mismatch"
    assert answers[-1].json()["errors"][0]["code"] == "too_many_login_attempts"


def test_sessions_are_listed_and_ended() -> None:
    browser = Browser()
    sign_up(browser, "ada@example.com")
    browser.post(f"{ALLAUTH}/auth/email/verify", {"key": code_mailed_to("ada@example.com")})
    second = Browser()
    second.post(f"{ALLAUTH}/auth/login", {"email": "ada@example.com", "password": PASSWORD})
    assert second.get("/v1/me").status_code == 200

    listed = browser.get(f"{ALLAUTH}/auth/sessions").json()["data"]
    others = [session["id"] for session in listed if not session["is_current"]]
    browser.call("DELETE", f"{ALLAUTH}/auth/sessions", {"sessions": others})

    assert len(listed) == 2
    assert second.get("/v1/me").status_code == 401


def test_a_new_password_ends_the_persons_other_sessions_and_the_keys_of_their_pages() -> None:
    browser, other = Browser(), Browser()
    sign_up(browser, "ada@example.com")
    browser.post(f"{ALLAUTH}/auth/email/verify", {"key": code_mailed_to("ada@example.com")})
    key = {"authorization": "Bearer " + browser.post("/v1/session_keys", {}).json()["key"]}
    assert Client().get("/v1/organization", headers=key).status_code == 200

    other.post(f"{ALLAUTH}/auth/password/request", {"email": "ada@example.com"})
    code = code_mailed_to("ada@example.com")
    other.post(f"{ALLAUTH}/auth/password/reset", {"key": code, "password": "another-long-pass-88"})

    assert Client().get("/v1/organization", headers=key).status_code == 401
    assert browser.get("/v1/me").status_code == 401
