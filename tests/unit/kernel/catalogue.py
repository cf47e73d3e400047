"""What the database's catalogue says of our tables, as plain SQL shared by the tests."""

from typing import Any

from django.db import connection

FOREIGN_GLOBAL = frozenset(
    {
        "account_emailaddress",
        "account_emailconfirmation",
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "django_admin_log",
        "django_content_type",
        "django_migrations",
        "django_session",
        "usersessions_usersession",
    }
)
"""Tables of Django and allauth: they name people and sessions, never an organization's things."""

DEFINER_FUNCTIONS = frozenset(
    {
        # The online path: one round trip for many organizations' calls.
        "hold_take",
        "hold_settle",
        "hold_extend",
        "hold_reap",
        "ledger_sweep",
        "grant_add",
        "grant_void",
        # Who calls: the organization is known only by the answer.
        "key_lookup",
        "memberships_of_user",
        "invitation_lookup",
        # Figures over everybody's jobs, without a row of them.
        "jobs_queue_places",
        "jobs_speed",
        # A code is limited over all organizations, and none may read the codes.
        "promotion_redeem",
        "discount_draw",
    }
)
"""The functions that run as anneal_system when the app calls them. The list may only shrink."""


def rows(sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def tables() -> set[str]:
    return {
        name
        for (name,) in rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p')"
        )
    }


def isolation_faults(tenant_tables: set[str]) -> list[str]:
    """Name every tenant table whose walls are not whole."""
    faults = []
    expected = "(organization_id = ( SELECT app.organization() AS organization))"
    for table in sorted(tenant_tables):
        (flags,) = rows(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        if flags != (True, True):
            faults.append(f"{table}: row level security is not forced")
        policies = {
            (tuple(roles), using, check)
            for roles, using, check in rows(
                "SELECT roles::text[], qual, with_check FROM pg_policies WHERE tablename = %s",
                [table],
            )
        }
        wanted = {(("anneal_app",), expected, expected), (("anneal_system",), "true", "true")}
        if policies != wanted:
            faults.append(f"{table}: policies {policies}")
    return faults
