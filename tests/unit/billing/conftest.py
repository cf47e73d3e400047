"""Books of a committed database: several connections see the same rows, as in production."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.conftest import DatabaseClone

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def books(database_clone: DatabaseClone) -> Iterator[Books]:
    """An organization without credit, its rows committed."""
    with psycopg.connect(database_clone.app_url, autocommit=True) as connection:
        made = Books(connection, uuid7())
        made.organization_add()
        yield made
        made.plan_limits_remove()


@pytest.fixture
def other_books(books: Books) -> Books:
    """Somebody else's, over the same connection."""
    made = Books(books.connection, uuid7())
    made.organization_add()
    return made
