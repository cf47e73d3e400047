"""The walls between organizations, read from the database's own catalogue."""

import psycopg
import pytest
from django.apps import apps
from django.db import connection

from anneal.kernel.checks import role_faults
from tests.unit.conftest import DatabaseClone
from tests.unit.kernel import catalogue

pytestmark = pytest.mark.django_db


def _classes() -> dict[str, str]:
    return {
        model._meta.db_table: model.table_class
        for model in apps.get_models()
        if hasattr(model, "table_class")
    }


def _tenant_tables() -> set[str]:
    return {table for table, name in _classes().items() if name == "tenant"}


def test_the_login_is_bound_by_row_level_security() -> None:
    assert role_faults() == []
    assert catalogue.rows("SELECT current_user") == [("anneal_app",)]


def test_every_table_has_exactly_one_class() -> None:
    classed = set(_classes())
    assert catalogue.tables() == classed | catalogue.FOREIGN_GLOBAL
    assert classed & catalogue.FOREIGN_GLOBAL == set()


def test_every_tenant_table_is_walled() -> None:
    assert len(_tenant_tables()) > 10
    assert catalogue.isolation_faults(_tenant_tables()) == []


def test_dropping_one_policy_or_force_is_noticed(database_clone: DatabaseClone) -> None:
    table = "datasets_dataset"
    for change in (
        f"DROP POLICY {table}_tenant ON {table}",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        f"ALTER POLICY {table}_tenant ON {table} USING (true)",
    ):
        with psycopg.connect(database_clone.owner_url) as owner:
            owner.execute(change)
            with _as_connection(owner):
                assert catalogue.isolation_faults({table}) != [], change
            owner.rollback()


def test_every_partition_is_walled_and_reached_through_its_table_alone() -> None:
    parents = {parent for _, parent in catalogue.partitions(_tenant_tables())}
    assert parents >= {"metering_usageevent", "metering_usageeventkey"}
    assert catalogue.partition_faults(_tenant_tables()) == []


def test_a_loose_partition_is_noticed(database_clone: DatabaseClone) -> None:
    child = "metering_usageevent_rest"
    for change in (
        f"GRANT SELECT ON {child} TO anneal_app",
        f"DROP POLICY metering_usageevent_tenant ON {child}",
        f"ALTER TABLE {child} NO FORCE ROW LEVEL SECURITY",
        "CREATE TABLE made_by_hand PARTITION OF metering_usageevent"
        " FOR VALUES FROM ('ff000000-0000-0000-0000-000000000000') TO (MAXVALUE)",
    ):
        with psycopg.connect(database_clone.owner_url) as owner:
            owner.execute(change)
            with _as_connection(owner):
                assert catalogue.partition_faults(_tenant_tables()) != [], change
            owner.rollback()


def _as_connection(owner: psycopg.Connection):  # type: ignore[no-untyped-def, type-arg]
    """Let the catalogue's queries run inside the owner's open transaction."""

    class Swap:
        def __enter__(self) -> None:
            self.rows = catalogue.rows
            catalogue.rows = lambda sql, params=None: owner.execute(sql, params).fetchall()

        def __exit__(self, *_: object) -> None:
            catalogue.rows = self.rows

    return Swap()


def test_every_tenant_foreign_key_carries_the_organization() -> None:
    names = _tenant_tables()
    loose = [
        (table, name)
        for table, parent, name, columns in catalogue.rows(
            "SELECT c.conrelid::regclass::text, c.confrelid::regclass::text, c.conname,"
            " ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.conrelid"
            " AND attnum = ANY(c.conkey)) FROM pg_constraint c WHERE contype = 'f'"
        )
        if table in names and parent in names and "organization_id" not in columns
    ]
    assert loose == []


def test_every_tenant_table_is_tied_to_the_organization() -> None:
    tied = {
        table
        for (table,) in catalogue.rows(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
            " AND confrelid = 'accounts_organization'::regclass"
        )
    }
    assert {t for t in _tenant_tables() if not t.startswith("kernel_")} <= tied


def test_every_unique_index_of_a_tenant_table_starts_with_the_organization() -> None:
    oracles = [
        (table, index, first)
        for table, index, first, primary in catalogue.rows(
            "SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, a.attname::text,"
            " i.indisprimary FROM pg_index i JOIN pg_attribute a"
            " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indisunique"
        )
        if table in _tenant_tables() and not primary and first != "organization_id"
    ]
    assert oracles == []


def test_no_view_or_function_opens_a_side_door() -> None:
    views = catalogue.rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm')"
        " AND relnamespace IN ('public'::regnamespace, 'app'::regnamespace)"
        " AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)"
    )
    assert views == []
    functions = catalogue.rows(
        "SELECT proname, proconfig, proowner::regrole::text FROM pg_proc WHERE prosecdef"
        " AND pronamespace IN ('public'::regnamespace, 'app'::regnamespace)"
    )
    listed = catalogue.DEFINER_FUNCTIONS | catalogue.OWNER_FUNCTIONS
    assert {name for name, _, _ in functions} <= listed
    for name, config, owner in functions:
        assert "search_path=public, pg_temp" in config, name
        own = name in catalogue.OWNER_FUNCTIONS
        assert owner == ("anneal_owner" if own else "anneal_system"), name


def test_the_application_cannot_call_what_runs_as_the_owner() -> None:
    callers = catalogue.rows(
        "SELECT has_function_privilege('anneal_app', oid, 'EXECUTE'),"
        " has_function_privilege('anneal_system', oid, 'EXECUTE') FROM pg_proc"
        " WHERE proname = ANY(%s)",
        [list(catalogue.OWNER_FUNCTIONS)],
    )
    assert callers == [(False, True)]


def test_the_app_role_can_neither_truncate_nor_create_nor_count_by_sequence() -> None:
    assert (
        catalogue.rows(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
            " AND has_table_privilege('anneal_app', oid, 'TRUNCATE, REFERENCES, TRIGGER')"
        )
        == []
    )
    assert catalogue.rows("SELECT has_schema_privilege('anneal_app', 'public', 'CREATE')") == [
        (False,)
    ]
    assert (
        catalogue.rows(
            "SELECT relname FROM pg_class WHERE CASE WHEN relkind = 'S'"
            " THEN has_sequence_privilege('anneal_app', oid, 'SELECT') ELSE false END"
        )
        == []
    )


def test_append_only_tables_cannot_be_rewritten_by_anyone_running() -> None:
    for table in (
        "kernel_auditevent",
        "metering_usageevent",
        "metering_usageeventkey",
        "ledger_ledgerentry",
    ):
        for role in ("anneal_app", "anneal_system"):
            rights = "SELECT has_table_privilege(%s, %s, 'UPDATE, DELETE, TRUNCATE')"
            assert catalogue.rows(rights, [role, table]) == [(False,)], (table, role)


def test_tenant_models_read_through_the_guarded_manager() -> None:
    for model in apps.get_models():
        if getattr(model, "table_class", None) == "tenant":
            assert type(model._base_manager).__name__ == "TenantManager", model
            assert type(model._default_manager).__name__ == "TenantManager", model
    assert connection.vendor == "postgresql"
