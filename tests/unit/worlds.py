"""Worlds that all tests of a file look at: built once, and each test's changes are taken back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from anneal.kernel.scopes import OrganizationRef

TwoLives = tuple[OrganizationRef, OrganizationRef]


@contextmanager
def undone() -> Iterator[None]:
    """Open a transaction in which scopes may open theirs, as a test's own; undo it at the end."""
    block: Any = transaction.atomic()
    # Scopes are durable: they open within a test's transaction and within no other.
    block._from_testcase = True
    with block:
        try:
            yield
        finally:
            transaction.set_rollback(True)


@contextmanager
def world(blocker: Any) -> Iterator[None]:
    """Keep what is written inside until the file's tests are over, then take it back.

    A test's own transaction is a savepoint within. For a fixture of a module, which names
    ``django_db_setup`` and gives its ``django_db_blocker``.
    """
    with blocker.unblock(), undone():
        yield


@pytest.fixture
def organization(_two_lives: TwoLives, db: None) -> OrganizationRef:
    """The first of a file's ``_two_lives``."""
    return _two_lives[0]


@pytest.fixture
def other_organization(_two_lives: TwoLives, db: None) -> OrganizationRef:
    """The second of them."""
    return _two_lives[1]
