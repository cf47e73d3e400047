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
        "calls_forget",
        "grant_add",
        "grant_void",
        "capture_refund",
        "account_open",
        "account_park",
        # What became of a plan is told as thresholds are, whose rows the app may not write.
        "account_notice",
        # What a limit begins with is counted, and the app may not write counts.
        "limit_begin",
        # Who calls: the organization is known only by the answer.
        "key_lookup",
        "memberships_of_user",
        "invitation_lookup",
        # What of the plan rules calls and training jobs, of whichever organization they are.
        "plan_limits_of",
        # Figures over everybody's jobs, without a row of them.
        "jobs_queue_places",
        "jobs_speed",
        # A code is limited over all organizations, and none may read the codes.
        "promotion_redeem",
        "discount_draw",
        # Numbers of invoices have no gap over all organizations, whose rows none may count.
        "number_take",
    }
)
"""The functions that run as anneal_system when the app calls them. The list may only shrink."""

OWNER_FUNCTIONS = frozenset({"metering_usageevent_month"})
"""Those that run as the owner, since they make a table: the system alone may call them."""


def rows(sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def tables() -> set[str]:
    return {
        name
        for (name,) in rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
    }


def partitions(parents: set[str]) -> list[tuple[str, str]]:
    """Every partition with the table it is a part of."""
    found = rows(
        "SELECT c.relname, p.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " JOIN pg_class p ON p.oid = i.inhparent WHERE c.relkind IN ('r', 'p') ORDER BY 1"
    )
    return [(child, parent) for child, parent in found if parent in parents]


def partition_faults(parents: set[str]) -> list[str]:
    """Name every partition that is less walled than its table, or reachable past it."""
    children = [child for child, _ in partitions(parents)]
    faults = isolation_faults(set(children))
    for child in children:
        for role in ("anneal_app", "anneal_system"):
            (open_,) = rows(
                "SELECT has_table_privilege(%s, %s,"
                " 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')",
                [role, child],
            )
            if open_ != (False,):
                faults.append(f"{child}: {role} reaches it directly")
    return faults


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
