"""Deaths at a chosen moment, and the look at everything that they may have left.

A connection is killed inside a statement, after one of its writes; or a process dies between two
statements of a unit of work.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.db import OperationalError, connection

from anneal.kernel.scopes import OrganizationRef, system_scope
from tests.unit.billing.books import Connection
from tests.unit.conftest import DatabaseClone

DOOMED: Final = "doomed"
"""The name by which a connection asks to be killed while it waits in a write."""
STOPS: Final = """
CREATE FUNCTION stop_after_write() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  at integer := nullif(current_setting('test.stop_at', true), '')::integer;
  written integer := coalesce(nullif(current_setting('test.written', true), ''), '0')::integer + 1;
BEGIN
  IF at IS NOT NULL THEN
    PERFORM set_config('test.written', written::text, false);
    IF written = at THEN
      PERFORM set_config('test.stopped', TG_TABLE_NAME, false);
      PERFORM pg_sleep(60);
    END IF;
  END IF;
  RETURN NULL;
END
$$;
"""
_TABLES: Final = """
SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                          AND a.attname = 'organization_id' AND NOT a.attisdropped)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND has_table_privilege('anneal_system', c.oid, 'SELECT')
ORDER BY 1
"""


@contextmanager
def stops_in(clone: DatabaseClone) -> Iterator[None]:
    """Make every write to any table count, and wait to be killed when its number comes."""
    with psycopg.connect(clone.owner_url, autocommit=True) as owner:
        owner.execute(STOPS)
        for table, _ in owner.execute(_TABLES).fetchall():
            owner.execute(
                "CREATE TRIGGER stop_after_write AFTER INSERT OR UPDATE OR DELETE ON"
                f' "{table}" FOR EACH STATEMENT EXECUTE FUNCTION stop_after_write()'
            )
        try:
            yield
        finally:
            owner.execute("DROP FUNCTION stop_after_write() CASCADE")


@contextmanager
def killer(clone: DatabaseClone) -> Iterator[None]:
    """Kill the doomed connection once it sleeps in a write."""
    done = threading.Event()

    def watch() -> None:
        with psycopg.connect(clone.app_url, autocommit=True) as watcher:
            while not done.wait(0.002):
                watcher.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = %s AND datname = current_database()"
                    " AND wait_event = 'PgSleep'",
                    [DOOMED],
                )

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)


def options(stop_at: int | None) -> dict[str, Any]:
    """Return what makes a connection doomed to die in its write of that number, or none."""
    if stop_at is None:
        return {"autocommit": True}
    return {
        "autocommit": True,
        "application_name": DOOMED,
        "options": f"-c test.stop_at={stop_at}",
    }


@contextmanager
def doomed_django(stop_at: int | None) -> Iterator[None]:
    """Doom Django's own connection, and leave a fresh one."""
    connection.close()
    if stop_at is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", [DOOMED])
            cursor.execute("SELECT set_config('test.stop_at', %s, false)", [str(stop_at)])
    try:
        yield
    finally:
        connection.close()


def died(clone: DatabaseClone, number: int, walk: Callable[[int | None], object]) -> bool:
    """Walk a path on a connection that is killed in its write of that number, if there is one."""
    with killer(clone):
        try:
            walk(number)
        except (psycopg.OperationalError, OperationalError):
            return True
    return False


def everything(cursor: Any, organization_id: Any) -> dict[str, tuple[int, str | None]]:
    """Return how many rows each table has of an organization, and their digest; system role.

    Tables of nobody in particular are told whole.
    """
    cursor.execute(_TABLES)
    tables = cursor.fetchall()
    parts = [
        f"SELECT '{name}', count(*), md5(string_agg(t::text, '|' ORDER BY t::text))"
        f' FROM "{name}" t' + (" WHERE t.organization_id = %(id)s" if owned else "")
        for name, owned in tables
    ]
    cursor.execute(" UNION ALL ".join(parts), {"id": organization_id})
    return {name: (count, digest) for name, count, digest in cursor.fetchall()}


def everything_of(plain: Connection, organization_id: Any) -> dict[str, tuple[int, str | None]]:
    """Tell everything over a plain connection."""
    with plain.transaction():
        plain.execute("SET LOCAL ROLE anneal_system")
        return everything(plain.cursor(), organization_id)


def everything_here(organization: OrganizationRef) -> dict[str, tuple[int, str | None]]:
    """Tell everything over Django's connection, inside the test's transaction."""
    with system_scope("test"), connection.cursor() as cursor:
        return everything(cursor, organization.id)


def differences(
    before: dict[str, tuple[int, str | None]], after: dict[str, tuple[int, str | None]]
) -> set[str]:
    """Name the tables that are not as they were."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


class Crash(Exception):
    """The process is gone."""


class CrashAfter:
    """Lets so many statements of a unit of work through, then crashes.

    Those that open and close the unit itself do not count.
    """

    def __init__(self, statements: int) -> None:
        self.left = statements

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            return result
        self.left -= 1
        if self.left == 0:
            raise Crash
        return result
