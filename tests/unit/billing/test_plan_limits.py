"""What plans allow at once: files stored, seats taken, wrong codes tried, jobs and calls."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.errors import DomainError, RateLimited
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_open
from anneal.settings.environment import limits_read
from billing.plans.contracts import LimitsInForce, PlanLimits, PlanTerms
from billing.plans.errors import PlanLimitReached
from billing.plans.selectors import limits_in_force
from billing.plans.services import (
    plan_add,
    plan_version_draft,
    plan_version_publish,
    subscription_change,
)
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.errors import PromotionUnknown
from billing.promotions.services import promotion_add, promotion_redeem
from tenants.accounts.contracts import CHANNEL_ORGANIZATIONS, InvitationMade
from tenants.accounts.models import User
from tenants.accounts.rows import user_info
from tenants.accounts.services import invitation_accept, invitation_create, invitation_revoke
from tenants.datasets.contracts import FileInfo, FilePurpose
from tenants.datasets.models import File
from tenants.datasets.services import file_create, file_delete

pytestmark = pytest.mark.django_db

GIGABYTE = 10**9


def put_on(organization: OrganizationRef, code: str = "tiny", **limits: int) -> None:
    """Make a plan of these limits and put the organization on it."""
    with system_scope("test"):
        plan_add(actor=SYSTEM_ACTOR, code=code, name_en=code, name_zh=code)
        terms = PlanTerms(limits=PlanLimits(**limits))
        draft = plan_version_draft(actor=SYSTEM_ACTOR, plan=code, terms=terms)
        plan_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)
    with tenant_scope(organization):
        subscription_change(organization=organization, actor=SYSTEM_ACTOR, plan=code, assigned=True)


def upload(organization: OrganizationRef, size: int = 100) -> FileInfo:
    with tenant_scope(organization):
        return file_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            source=io.BytesIO(b"x" * size),
            filename="reviews.csv",
            purpose=FilePurpose.FINE_TUNE,
        )


def fill(organization: OrganizationRef, size: int) -> FileInfo:
    """Store a file that says it has so many bytes."""
    made = upload(organization, 1)
    with tenant_scope(organization):
        File.objects.filter(id=made.id).update(bytes=size)
    return made


def invite(organization: OrganizationRef, email: str) -> InvitationMade:
    with tenant_scope(organization):
        return invitation_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            actor_role=Role.OWNER,
            email=email,
            role=Role.VIEWER,
        )


def accept(organization: OrganizationRef, made: InvitationMade) -> None:
    with system_scope("test"):
        user = User.objects.create(email=made.invitation.email)
    with tenant_scope(organization):
        invitation_accept(
            organization=organization, actor=SYSTEM_ACTOR, user=user_info(user), token=made.token
        )


def test_a_file_that_does_not_fit_is_refused_until_there_is_room(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    put_on(organization, storage_gb=1)
    large = fill(organization, GIGABYTE - 100)
    upload(organization, 100)

    with pytest.raises(PlanLimitReached) as refused:
        upload(organization, 1)

    assert (refused.value.status, refused.value.param) == (402, "storage_gb")
    assert refused.value.text.startswith("The plan 'tiny' allows 1 GB of files (storage_gb)")
    assert "1.000 GB are used" in refused.value.text
    fill(other_organization, 2 * GIGABYTE)
    upload(other_organization)
    with tenant_scope(organization):
        file_delete(organization=organization, actor=SYSTEM_ACTOR, file_id=large.id)
    upload(organization, 1)


def test_a_file_that_lost_its_room_on_the_way_leaves_no_object(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room is taken between the first look and the row, as another upload would."""
    from anneal.kernel.storage import object_put  # noqa: PLC0415
    from tenants.datasets.services import files  # noqa: PLC0415

    put_on(organization, storage_gb=1)
    room = fill(organization, 1)
    keys = []

    def put(key: str, source: Any) -> Any:
        File.objects.filter(id=room.id).update(bytes=GIGABYTE)
        keys.append(key)
        return object_put(key, source)

    monkeypatch.setattr(files, "object_put", put)

    with pytest.raises(PlanLimitReached):
        upload(organization)

    with pytest.raises((DomainError, FileNotFoundError)):
        object_open(keys[0])


def test_without_a_plan_the_installations_limits_rule(
    organization: OrganizationRef, settings: Any
) -> None:
    settings.ANNEAL_DEFAULT_LIMITS = {"storage_gb": 3, "seats": 2}
    fill(organization, 3 * GIGABYTE)
    with pytest.raises(PlanLimitReached, match="organization without a plan 3 GB"):
        upload(organization, 1)

    put_on(organization)  # a plan without limits

    upload(organization, 1)
    with tenant_scope(organization):
        assert limits_in_force(organization=organization) == LimitsInForce("tiny", PlanLimits())


def test_seats_are_members_and_open_invitations(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    put_on(organization, seats=3)  # the owner has one
    first = invite(organization, "first@example.com")
    open_ones = invite(organization, "second@example.com")
    for number in range(4):
        invite(other_organization, f"n{number}@example.com")

    with pytest.raises(PlanLimitReached) as refused:
        invite(organization, "third@example.com")

    assert (refused.value.status, refused.value.param) == (402, "seats")
    assert "allows 3 seats (seats); 3 are taken" in refused.value.text
    accept(organization, first)
    with pytest.raises(PlanLimitReached):
        invite(organization, "third@example.com")
    with tenant_scope(organization):
        invitation_revoke(
            organization=organization,
            actor=SYSTEM_ACTOR,
            invitation_id=open_ones.invitation.id,
        )
    invite(organization, "third@example.com")
    with clock.frozen(clock.now() + timedelta(days=8)):  # an invitation past its date takes none
        invite(organization, "fourth@example.com")


def test_an_invitation_from_better_days_does_not_widen_the_plan(
    organization: OrganizationRef,
) -> None:
    invitations = [invite(organization, f"n{number}@example.com") for number in range(2)]
    put_on(organization, seats=2)
    accept(organization, invitations[0])

    with pytest.raises(PlanLimitReached, match="seats"):
        accept(organization, invitations[1])


def test_ten_wrong_codes_a_minute_are_looked_at(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    terms = PromotionTerms(kind=PromotionKind.UNITS, unit="prediction", units=Decimal(5))
    with system_scope("test"):
        promotion_add(actor=SYSTEM_ACTOR, code="RIGHT-26", terms=terms)

    def redeem(of: OrganizationRef, code: str) -> None:
        with tenant_scope(of):
            promotion_redeem(organization=of, actor=SYSTEM_ACTOR, code=code)

    redeem(organization, "RIGHT-26")  # a right one counts for nothing
    for number in range(10):
        with pytest.raises(PromotionUnknown):
            redeem(organization, f"WRONG-{number}")

    with pytest.raises(RateLimited) as refused:
        redeem(organization, "RIGHT-26")

    assert (refused.value.status, refused.value.param) == (429, "code")
    assert 0 < (refused.value.retry_after or 0) <= 60
    redeem(other_organization, "RIGHT-26")
    redis_client().delete(f"tries:promotion:{organization.id}")  # as the minute does
    with pytest.raises(PromotionUnknown):
        redeem(organization, "WRONG-11")


def test_the_gateways_ask_for_the_limits_of_any_organization(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    put_on(organization, requests_per_minute=7, calls_in_flight=3, concurrency=2, priority=9)

    def asked(of: OrganizationRef) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM plan_limits_of(%s)", [of.id])
            return list(cursor.fetchall())

    assert asked(organization) == [("tiny", 7, 3, 2, 9)]
    assert asked(other_organization) == []


def test_a_change_of_plan_is_told_to_the_gateways(
    organization: OrganizationRef,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]],
) -> None:
    with redis_client().pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(CHANNEL_ORGANIZATIONS)
        channel.get_message(timeout=2)
        with django_capture_on_commit_callbacks(execute=True):
            put_on(organization, seats=3)
        told = [channel.get_message(timeout=1) for _ in range(3)]

    assert str(organization.id).encode() in [each["data"] for each in told if each]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("storage_gb=20", {"storage_gb": 20}),
        (" seats=3, requests_per_minute=600,", {"seats": 3, "requests_per_minute": 600}),
        ("none", {}),
    ],
)
def test_default_limits_are_read(text: str, read: dict[str, int]) -> None:
    assert limits_read(text) == read


@pytest.mark.parametrize("text", ["seats", "seats=0", "seats=x", "chairs=3", "seats=-1"])
def test_default_limits_that_are_none_say_how_to_write_them(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="requests_per_minute=600,storage_gb=20"):
        limits_read(text)
