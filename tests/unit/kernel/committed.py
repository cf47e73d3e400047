"""Organizations that other connections can see: committed, and taken away again."""

import contextlib
from collections.abc import Iterator

import psycopg

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from tests.unit.conftest import DatabaseClone


@contextlib.contextmanager
def committed_organizations(
    database_clone: DatabaseClone, count: int
) -> Iterator[list[OrganizationRef]]:
    """Make bare organizations in the clone, outside any test's transaction."""
    made = [OrganizationRef(id=key, slug=f"c-{key.hex[-20:]}") for key in map(_new, range(count))]
    with psycopg.connect(database_clone.app_url) as link:
        link.execute("SET ROLE anneal_system")
        for organization in made:
            link.execute(
                "INSERT INTO accounts_organization (id, created_at, slug, name, kind,"
                " suspended_reason) VALUES (%s, now(), %s, 'test', 'customer', '')",
                [organization.id, organization.slug],
            )
    try:
        yield made
    finally:
        with psycopg.connect(database_clone.app_url) as link:
            link.execute("SET ROLE anneal_system")
            link.execute(
                "DELETE FROM accounts_organization WHERE id = ANY(%s)",
                [[organization.id for organization in made]],
            )


def _new(_: int):  # type: ignore[no-untyped-def]
    return uuid7()
