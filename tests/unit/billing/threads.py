"""Services on many connections at once, over committed rows, as processes in production meet."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from anneal.kernel.errors import DomainError
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tests.unit.billing.books import Books


def organization_of(books: Books) -> OrganizationRef:
    """Name the organization whose rows the books committed."""
    return OrganizationRef(
        id=books.organization_id, slug=f"books-{books.organization_id.hex[-20:]}"
    )


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Make ``count`` calls on connections of their own, started together; results in order.

    A refusal is its code.
    """
    ready = threading.Barrier(count)

    def work(number: int) -> Any:
        try:
            connection.ensure_connection()
            ready.wait(30)
            return call(number)
        except DomainError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def in_scope(organization: OrganizationRef, call: Callable[[], Any]) -> Any:
    """Make a call in the organization's scope, on a connection that is given back."""

    def work(_: int) -> Any:
        with tenant_scope(organization):
            return call()

    (result,) = at_once(1, work)
    return result
