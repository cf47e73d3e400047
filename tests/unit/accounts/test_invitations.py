"""Invitations: by mail, for one address, once, for a week."""

from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef
from tenants.accounts.contracts import UserInfo
from tenants.accounts.mailbox import mails_read
from tenants.accounts.services import invitations, user_create_verified
from tests.unit.accounts.helpers import browser_for
from tests.unit.factories import error_of, make_client, make_member, make_user

INVITATIONS = "/v1/organization/invitations"


@pytest.fixture
def guest(db: None) -> UserInfo:
    return user_create_verified(email="guest@example.com", password=None)


def invite(organization: OrganizationRef, email: str, role: str = "developer") -> str:
    answer = make_client(organization, Role.ADMIN).post(
        INVITATIONS, {"email": email, "role": role}, format="json"
    )
    assert answer.status_code == 201, answer.json()
    url: str = answer.json()["url"]
    return url.rsplit("/", 1)[1]


def test_an_invited_person_joins_once(organization: OrganizationRef, guest: UserInfo) -> None:
    token = invite(organization, "Guest@Example.com")
    browser = browser_for(guest)

    joined = browser.post("/v1/invitations/accept", {"token": token})
    again = browser.post("/v1/invitations/accept", {"token": token})

    assert (joined.status_code, joined.json()["role"]) == (200, "developer")
    assert error_of(again)["code"] == "invitation_invalid"
    assert browser.get("/v1/organization").json()["slug"] == organization.slug


def test_only_the_invited_address_may_accept(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    token = invite(organization, "guest@example.com")
    stranger = browser_for(make_member(other_organization, Role.OWNER))

    answer = stranger.post("/v1/invitations/accept", {"token": token})

    assert error_of(answer)["code"] == "invitation_other_address"


def test_a_wrong_revoked_or_old_token_is_refused(
    organization: OrganizationRef, guest: UserInfo
) -> None:
    client = make_client(organization, Role.ADMIN)
    browser = browser_for(guest)
    token = invite(organization, guest.email)
    (waiting,) = client.get(INVITATIONS).json()["data"]

    with clock.frozen(clock.now() + timedelta(days=8)):
        old = browser.post("/v1/invitations/accept", {"token": token})
    assert client.delete(f"{INVITATIONS}/{waiting['id']}").status_code == 204
    revoked = browser.post("/v1/invitations/accept", {"token": token})
    wrong = browser.post("/v1/invitations/accept", {"token": "x"})

    assert {error_of(answer)["code"] for answer in (old, revoked, wrong)} == {"invitation_invalid"}
    assert client.get(INVITATIONS).json()["data"] == []
    assert client.delete(f"{INVITATIONS}/{waiting['id']}").status_code == 404


def test_members_and_open_invitations_are_not_invited_again(
    organization: OrganizationRef,
) -> None:
    client = make_client(organization, Role.ADMIN)
    member = make_member(organization, Role.VIEWER)
    body = {"email": "guest@example.com", "role": "viewer"}

    client.post(INVITATIONS, body, format="json")
    twice = client.post(INVITATIONS, body, format="json")
    known = client.post(INVITATIONS, {"email": member.email, "role": "viewer"}, format="json")
    owner = client.post(INVITATIONS, {"email": "x@example.com", "role": "owner"}, format="json")
    broken = client.post(INVITATIONS, {"email": "nonsense", "role": "viewer"}, format="json")

    codes = [error_of(answer)["code"] for answer in (twice, known, owner, broken)]
    assert codes == ["already_invited", "already_member", "owner_required", "invalid_request"]


def test_an_expired_invitation_makes_room(organization: OrganizationRef) -> None:
    invite(organization, "guest@example.com")

    with clock.frozen(clock.now() + timedelta(days=8)):
        token = invite(organization, "guest@example.com")

    assert token


def test_invitations_are_for_admins_and_the_own_organization(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    invite(organization, "guest@example.com")
    (waiting,) = make_client(organization, Role.ADMIN).get(INVITATIONS).json()["data"]

    developer = make_client(organization, Role.DEVELOPER)
    assert developer.get(INVITATIONS).status_code == 403
    assert developer.delete(f"{INVITATIONS}/{waiting['id']}").status_code == 403
    foreign = make_client(other_organization)
    assert foreign.get(f"{INVITATIONS}/{waiting['id']}").status_code == 404
    assert foreign.delete(f"{INVITATIONS}/{waiting['id']}").status_code == 404


def test_the_mail_speaks_the_readers_language(
    organization: OrganizationRef,
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.ANNEAL_HOME = tmp_path
    settings.EMAIL_BACKEND = "tenants.accounts.mailbox.MailboxBackend"

    with django_capture_on_commit_callbacks(execute=True):
        token = invite(organization, "guest@example.com")

    (mail,) = mails_read(to="guest@example.com")
    assert f"/invite/{token}" in mail.text
    assert "acme" in mail.subject


def test_a_day_holds_a_bounded_number_of_invitations(
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invitations, "MOST_A_DAY", 2)
    for number in range(2):
        invite(organization, f"guest-{number}@example.com", "viewer")
    body = {"email": "one-more@example.com", "role": "viewer"}

    answer = make_client(organization, Role.ADMIN).post(INVITATIONS, body, format="json")

    assert (answer.status_code, error_of(answer)["code"]) == (429, "too_many_invitations")
    assert int(answer.headers["Retry-After"]) > 0
    assert invite(other_organization, "one-more@example.com")
    with clock.frozen(clock.now() + timedelta(days=1, minutes=1)):
        assert invite(organization, "one-more@example.com")


def test_a_removed_members_invitations_are_closed(organization: OrganizationRef) -> None:
    leaver, alias = make_member(organization, Role.ADMIN), make_user("alias")
    body = {"email": alias.email, "role": "admin"}
    url = browser_for(leaver).post(INVITATIONS, body).json()["url"]
    owner = make_client(organization, Role.OWNER)

    owner.delete(f"/v1/organization/members/{public_id('usr_', leaver.id)}")

    token = url.rsplit("/", 1)[1]
    answer = browser_for(alias).post("/v1/invitations/accept", {"token": token})
    assert error_of(answer)["code"] == "invitation_invalid"
    trail = owner.get("/v1/audit?action=invitation.revoke").json()["data"]
    assert [row["detail"]["email"] for row in trail] == [alias.email]
