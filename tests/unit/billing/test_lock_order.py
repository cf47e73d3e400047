"""Changes of an organization beside its calls: neither waits for the other in a ring."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from django.db import connection

from anneal.kernel.scopes import tenant_scope
from tenants.accounts.services.organizations import organization_lock
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.threads import organization_of
from tests.unit.conftest import DatabaseClone


def test_whoever_changes_an_organization_keeps_none_of_its_calls_waiting(
    database_clone: DatabaseClone, books: Books, django_db_setup: None, django_db_blocker: Any
) -> None:
    """A suspension pauses jobs whose workers hold their rows and write on: it would meet them."""
    locked, done = threading.Event(), threading.Event()
    organization = organization_of(books)

    def change() -> None:
        with django_db_blocker.unblock():
            with tenant_scope(organization):
                organization_lock(organization)
                locked.set()
                assert done.wait(30)
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        try:
            assert locked.wait(30)
            with psycopg.connect(database_clone.app_url, autocommit=True) as link:
                link.execute("SET lock_timeout = '3s'")
                mine = Books(link, books.organization_id)
                mine.grant(5, source="gift", now=NOW)
                assert mine.take(mine.request(1), now=NOW) == [(True, "accepted")]
        finally:
            done.set()
        changing.result(30)
