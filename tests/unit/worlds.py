"""Worlds that all tests of a file look at: built once, and each test's changes are taken back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction


@contextmanager
def world(blocker: Any) -> Iterator[None]:
    """Keep what is written inside until the file's tests are over, then take it back.

    A test's own transaction is a savepoint within. For a fixture of a module, which names
    ``django_db_setup`` and gives its ``django_db_blocker``.
    """
    block: Any = transaction.atomic()
    # Scopes are durable: they open within a test's transaction and within no other.
    block._from_testcase = True
    with blocker.unblock(), block:
        try:
            yield
        finally:
            transaction.set_rollback(True)
