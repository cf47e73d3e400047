"""Migration operations that give each table its class: policies, grants and composite keys.

`app.organization()` is the organization of the open scope; unset and empty both give NULL, and
NULL equals nothing, so a forgotten scope sees no row.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_TENANT_TEST: Final = "(organization_id = (SELECT app.organization()))"
_MONTHLY: Final = Path(__file__).parent / "monthly_partitions.sql"


class _TableOperation(migrations.RunSQL):
    """SQL that shapes a table's access. Reversing drops with the table, so it does nothing."""

    def __init__(self, statements: list[str]) -> None:
        super().__init__(";\n".join(statements) + ";", reverse_sql=migrations.RunSQL.noop)


def _closed(table: str) -> list[str]:
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"REVOKE ALL ON {table} FROM PUBLIC, anneal_app, anneal_system",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO anneal_system",
        f"CREATE POLICY {table}_system ON {table} TO anneal_system USING (true) WITH CHECK (true)",
    ]


def _partition_closed(parent: str, child: str) -> list[str]:
    """Wall a partition as its parent is, without a grant: it is reached through its parent alone.

    A parent's policies do not bind who reads a child directly.
    """
    return [
        f"ALTER TABLE {child} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {child} FORCE ROW LEVEL SECURITY",
        f"REVOKE ALL ON {child} FROM PUBLIC, anneal_app, anneal_system",
        f"CREATE POLICY {parent}_system ON {child} TO anneal_system USING (true) WITH CHECK (true)",
        f"CREATE POLICY {parent}_tenant ON {child} TO anneal_app"
        f" USING {_TENANT_TEST} WITH CHECK {_TENANT_TEST}",
    ]


class TenantTable(_TableOperation):
    """Close a table to all but its organization.

    ``parents`` maps a column to the tenant table it points at; the foreign key then carries the
    organization on both sides, so a row can never point at another organization's. An append-only
    table can be added to and read, no more. ``organization_table`` is off for the kernel's own
    tables alone, which exist before any organization does. ``parent_key`` is off where no other
    table points here: it is an index less to write, and a partitioned table may not have it.
    """

    def __init__(
        self,
        table: str,
        parents: Mapping[str, str] | None = None,
        *,
        append_only: bool = False,
        organization_table: bool = True,
        parent_key: bool = True,
    ) -> None:
        self.table = table
        self.parents = dict(parents or {})
        self.append_only = append_only
        self.organization_table = organization_table
        self.parent_key = parent_key
        rights = "SELECT, INSERT" if append_only else "SELECT, INSERT, UPDATE, DELETE"
        statements = [
            *_closed(table),
            f"CREATE POLICY {table}_tenant ON {table} TO anneal_app"
            f" USING {_TENANT_TEST} WITH CHECK {_TENANT_TEST}",
            f"GRANT {rights} ON {table} TO anneal_app",
        ]
        if parent_key:
            statements.append(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_org_id_key"
                " UNIQUE (organization_id, id)"
            )
        if append_only:
            statements.append(f"REVOKE UPDATE, DELETE ON {table} FROM anneal_system")
        if organization_table:
            statements.append(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_organization_fk"
                " FOREIGN KEY (organization_id) REFERENCES accounts_organization (id)"
            )
        statements += [
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_tenant_fk"
            f" FOREIGN KEY (organization_id, {column}) REFERENCES {parent} (organization_id, id)"
            for column, parent in self.parents.items()
        ]
        super().__init__(statements)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Name the operation as a migration would write it."""
        return (
            type(self).__name__,
            [self.table, self.parents],
            {
                "append_only": self.append_only,
                "organization_table": self.organization_table,
                "parent_key": self.parent_key,
            },
        )


class HashPartitions(_TableOperation):
    """Make the partitions of a tenant table that is partitioned by hash, each walled."""

    def __init__(self, table: str, count: int) -> None:
        self.table, self.count = table, count
        super().__init__(
            [
                statement
                for number in range(count)
                for statement in (
                    f"CREATE TABLE {table}_{number} PARTITION OF {table}"
                    f" FOR VALUES WITH (MODULUS {count}, REMAINDER {number})",
                    *_partition_closed(table, f"{table}_{number}"),
                )
            ]
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Name the operation as a migration would write it."""
        return type(self).__name__, [self.table, self.count], {}


class MonthlyPartitions(migrations.RunSQL):
    """Give a tenant table, partitioned by range of its UUIDv7 ``id``, its months.

    Makes the partition for what has no month yet, ``{table}_rest``, and the function
    ``{table}_month(date)`` which adds a month, walled, and moves there what waited in the rest. It
    runs with the owner's rights, since making a table needs them, and only the system may call it.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        closed = ";\n".join(_partition_closed(table, f"{table}_rest"))
        function = _MONTHLY.read_text(encoding="utf-8").replace(
            "{closed}",
            "\n".join(f"  EXECUTE format($q${each}$q$, child);" for each in _month_closed(table)),
        )
        super().__init__(
            f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT;\n{closed};\n"
            + function.replace("{table}", table),
            reverse_sql=f"DROP FUNCTION IF EXISTS {table}_month(date)",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Name the operation as a migration would write it."""
        return type(self).__name__, [self.table], {}


def _month_closed(table: str) -> list[str]:
    return _partition_closed(table, "%1$I")


class SystemTable(_TableOperation):
    """Close a table to all but the system; ``app_select`` and ``app_insert`` open a listed part.

    ``app_select`` is the condition on rows that anneal_app may read, such as
    ``organization_id = (SELECT app.organization())``.
    """

    def __init__(
        self, table: str, *, app_select: str | None = None, app_insert: bool = False
    ) -> None:
        self.table, self.app_select, self.app_insert = table, app_select, app_insert
        statements = _closed(table)
        if app_select:
            statements += [
                f"CREATE POLICY {table}_read ON {table} FOR SELECT TO anneal_app"
                f" USING ({app_select})",
                f"GRANT SELECT ON {table} TO anneal_app",
            ]
        if app_insert:
            statements += [
                f"CREATE POLICY {table}_add ON {table} FOR INSERT TO anneal_app WITH CHECK (true)",
                f"GRANT INSERT ON {table} TO anneal_app",
            ]
        super().__init__(statements)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Name the operation as a migration would write it."""
        return (
            type(self).__name__,
            [self.table],
            {"app_select": self.app_select, "app_insert": self.app_insert},
        )


class GlobalTable(_TableOperation):
    """Open a table to every organization for reading; ``app_writes`` for writing too."""

    def __init__(self, table: str, *, app_writes: bool = False) -> None:
        self.table, self.app_writes = table, app_writes
        rights = "SELECT, INSERT, UPDATE, DELETE"
        super().__init__(
            [
                f"REVOKE ALL ON {table} FROM PUBLIC, anneal_app, anneal_system",
                f"GRANT {rights} ON {table} TO anneal_system",
                f"GRANT {rights if app_writes else 'SELECT'} ON {table} TO anneal_app",
            ]
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Name the operation as a migration would write it."""
        return type(self).__name__, [self.table], {"app_writes": self.app_writes}


class SystemFunction(migrations.RunSQL):
    """Create a SECURITY DEFINER function that runs as anneal_system, callable by anneal_app.

    ``create`` is the CREATE FUNCTION statement without SECURITY DEFINER and search_path;
    ``signature`` names it for ALTER, such as ``hold_reap(integer)``. An earlier one of the same
    signature is dropped: only its owner, the system, could replace it. ``earlier``, its statement,
    brings it back when the migration is reversed.
    """

    def __init__(self, create: str, signature: str, earlier: str = "") -> None:
        self.create, self.signature, self.earlier = create, signature, earlier
        super().__init__(self._put(create), self._put(earlier) if earlier else self._drop)

    @property
    def _drop(self) -> str:
        signature = self.signature
        return f"SET LOCAL ROLE anneal_system;\nDROP FUNCTION IF EXISTS {signature};\nRESET ROLE;"

    def _put(self, create: str) -> str:
        signature = self.signature
        return (
            f"{self._drop}\n"
            f"{create.rstrip().rstrip(';')};\n"
            f"ALTER FUNCTION {signature} SECURITY DEFINER SET search_path = public, pg_temp;\n"
            "GRANT CREATE ON SCHEMA public TO anneal_system;\n"
            f"ALTER FUNCTION {signature} OWNER TO anneal_system;\n"
            "REVOKE CREATE ON SCHEMA public FROM anneal_system;\n"
            # Its new owner alone may hand out rights on it.
            "SET LOCAL ROLE anneal_system;\n"
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;\n"
            f"GRANT EXECUTE ON FUNCTION {signature} TO anneal_app;\n"
            "RESET ROLE;"
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Name the operation as a migration would write it."""
        return type(self).__name__, [self.create, self.signature, self.earlier], {}


def as_system(
    change: Callable[[StateApps, BaseDatabaseSchemaEditor], None],
) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    """Wrap a RunPython function so that it sees rows: under FORCE even the owner sees none."""

    def run(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        with editor.connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE anneal_system")
            change(apps, editor)
            cursor.execute("RESET ROLE")

    return run
