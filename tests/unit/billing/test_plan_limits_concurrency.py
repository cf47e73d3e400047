"""Files and people that arrive at the same moment share one room."""

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.accounts.services import invitation_create
from tenants.datasets.contracts import FilePurpose
from tenants.datasets.models import File
from tenants.datasets.services import file_create
from tests.unit.billing.books import Books
from tests.unit.billing.threads import at_once, in_scope, organization_of


@pytest.fixture
def committed(
    books: Books, django_db_setup: None, django_db_blocker: Any, settings: Any
) -> Iterator[OrganizationRef]:
    """An organization that every connection sees, with a gigabyte and four seats."""
    settings.ANNEAL_DEFAULT_LIMITS = {"storage_gb": 1, "seats": 4}
    with django_db_blocker.unblock():
        yield organization_of(books)
        connection.close()


def upload(organization: OrganizationRef) -> str:
    with tenant_scope(organization):
        file_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            source=io.BytesIO(b"x" * 50),
            filename="a.csv",
            purpose=FilePurpose.FINE_TUNE,
        )
    return "stored"


def test_uploads_at_the_same_moment_fill_the_room_and_no_more(committed: OrganizationRef) -> None:
    at_once(1, lambda _: upload(committed))
    in_scope(committed, lambda: File.objects.update(bytes=10**9 - 120))

    told = Counter(at_once(8, lambda _: upload(committed)))

    assert told == {"stored": 2, "plan_limit_reached": 6}


def test_invitations_at_the_same_moment_take_the_seats_and_no_more(
    committed: OrganizationRef,
) -> None:
    def invite(number: int) -> str:
        with tenant_scope(committed):
            invitation_create(
                organization=committed,
                actor=SYSTEM_ACTOR,
                actor_role=Role.OWNER,
                email=f"n{number}@example.com",
                role=Role.VIEWER,
            )
        return "invited"

    told = Counter(at_once(8, invite))

    assert told == {"invited": 4, "plan_limit_reached": 4}
