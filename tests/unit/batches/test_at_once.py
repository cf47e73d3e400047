"""Batches that meet others on connections of their own, over committed rows."""

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.batches import services, working
from mlworker.batches.contracts import CLASSIFY, BatchRequest
from mlworker.batches.models import Batch
from mlworker.batches.working import Counted, batch_counted
from mlworker.registry.services import model_version_delete
from tenants.datasets.contracts import FilePurpose
from tenants.datasets.services import file_create
from tests.unit.batches.factories import claimed, waits_for_a_lock
from tests.unit.billing.books import Books
from tests.unit.billing.threads import at_once, organization_of
from tests.unit.conftest import DatabaseClone
from tests.unit.registry.factories import make_model_version


@pytest.fixture
def committed(
    database_clone: DatabaseClone, django_db_setup: None, django_db_blocker: Any
) -> Iterator[OrganizationRef]:
    """An organization that every connection sees; afterwards its batches are nobody's work, and its
    files no storage that somebody counts.
    """
    with psycopg.connect(database_clone.app_url, autocommit=True) as link:
        books = Books(link, uuid7())
        books.organization_add()
        books.grant(100, source="trial", now=clock.now())
        with django_db_blocker.unblock():
            yield organization_of(books)
            connection.close()
        link.execute("SET ROLE anneal_system")
        for statement in (
            "DELETE FROM batches_batch WHERE organization_id = %s",
            "UPDATE datasets_file SET deleted_at = now() WHERE organization_id = %s",
        ):
            link.execute(statement, [books.organization_id])


def create(organization: OrganizationRef, model: str) -> str:
    with tenant_scope(organization):
        found = file_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            source=io.BytesIO(b"text\nfine\n"),
            filename="a.csv",
            purpose=FilePurpose.BATCH,
        )
    with tenant_scope(organization):
        request = BatchRequest(found.id, CLASSIFY, 24, model=model)
        services.batch_create(organization=organization, actor=SYSTEM_ACTOR, request=request)
    return "created"


def test_batches_that_are_created_at_once_share_one_room(
    committed: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = services.member_of

    def slowly(*given: Any) -> Any:
        time.sleep(0.2)  # between the count and the row
        return asked(*given)

    monkeypatch.setattr(services, "MAX_OPEN", 2)
    monkeypatch.setattr(services, "member_of", slowly)

    told = at_once(6, lambda _: create(committed, "sentiment-en"))

    assert Counter(told) == {"created": 2, "too_many_batches": 4}


def test_a_model_is_not_deleted_while_a_batch_begins_on_it(
    committed: OrganizationRef, database_clone: DatabaseClone, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_model_version(committed).name
    create(committed, name)
    told: list[str] = []

    def delete(_: int) -> str:
        with tenant_scope(committed):
            model_version_delete(organization=committed, actor=SYSTEM_ACTOR, name=name)
        return "deleted"

    deleting = threading.Thread(target=lambda: told.extend(at_once(1, delete)))
    hold = working.batch_hold

    def meanwhile(*given: Any) -> None:
        deleting.start()
        assert waits_for_a_lock(deleting, database_clone)
        hold(*given)

    monkeypatch.setattr(working, "batch_hold", meanwhile)
    batch_counted(claimed(), Counted(1, 1, name, "text", ("text",), "csv"))
    deleting.join(30)

    assert told == ["model_in_use"]
    with tenant_scope(committed):
        assert Batch.objects.get().version_name == name
