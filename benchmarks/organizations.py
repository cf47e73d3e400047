"""Organizations in bulk, without owners: what money alone needs."""

from uuid import UUID

from django.db import connection

from anneal.kernel.scopes import system_scope


def organizations_make(count: int) -> list[UUID]:
    """Make organizations without a trial; return their ids."""
    with system_scope("bench"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_organization (id, created_at, slug, name, kind,"
            " suspended_reason) SELECT o, clock_timestamp(), 'b-' || right(replace(o::text, '-',"
            " ''), 30), 'Bench', 'customer', '' FROM (SELECT anneal_uuid7() AS o"
            " FROM generate_series(1, %s) OFFSET 0) x RETURNING id",
            [count],
        )
        return [row[0] for row in cursor.fetchall()]
