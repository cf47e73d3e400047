"""Row level security by running: each tenant table and each function, with another's rows and ids.

The catalogue's tests say how the walls are written; these walk into them as the application does.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import Error, connection, transaction

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Hold, KeyedCall
from billing.ledger.services import balance_grant, hold_capture, hold_take, limit_set
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.services import promotion_add, promotion_redeem
from tests.unit.conftest import DatabaseClone
from tests.unit.kernel.catalogue import DEFINER_FUNCTIONS

pytestmark = pytest.mark.django_db

TABLES = sorted(
    model._meta.db_table
    for model in apps.get_models()
    if getattr(model, "table_class", None) == "tenant"
)
_ROW_MADE = """
CREATE FUNCTION tests_row_made(tab text, whose uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  names text; made text; tie text;
BEGIN
  -- What ties a row to others, and what its values may be, is not the matter here.
  FOR tie IN SELECT conname FROM pg_constraint
             WHERE conrelid = tab::regclass AND contype IN ('f', 'c') AND conparentid = 0 LOOP
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', tab, tie);
  END LOOP;
  SELECT string_agg(quote_ident(a.attname), ', '), string_agg(CASE
      WHEN a.attname = 'organization_id' THEN quote_literal(whose)
      WHEN t.typcategory = 'N' THEN '1' WHEN t.typcategory = 'B' THEN 'false'
      WHEN t.typcategory = 'S' THEN quote_literal('x') WHEN t.typcategory = 'D' THEN 'now()'
      WHEN t.typcategory = 'T' THEN quote_literal('1 s') WHEN t.typcategory = 'A'
        THEN quote_literal('{}')
      WHEN t.typname = 'uuid' THEN 'gen_random_uuid()' WHEN t.typname = 'bytea'
        THEN quote_literal('x')
      ELSE quote_literal('{}') END, ', ')
  INTO names, made
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = tab::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull;
  EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER USER', tab);
  EXECUTE format('INSERT INTO %I (%s) VALUES (%s)', tab, names, made);
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY, ENABLE TRIGGER USER', tab);
END
$$
"""


@pytest.fixture(scope="module", autouse=True)
def _door(database_clone: DatabaseClone) -> Iterator[None]:
    """Open a door past the walls, for as long as these tests run."""
    with psycopg.connect(database_clone.owner_url, autocommit=True) as owner:
        owner.execute(_ROW_MADE)
        yield
        owner.execute("DROP FUNCTION tests_row_made(text, uuid)")


def row_made(table: str, whose: OrganizationRef) -> None:
    """Put a row of an organization into a table, as the tables' owner could."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT tests_row_made(%s, %s)", [table, whose.id])


def rows_of(table: str, whose: OrganizationRef) -> list[str]:
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t::text FROM {table} t WHERE organization_id = %s ORDER BY 1", [whose.id]
        )
        return [text for (text,) in cursor.fetchall()]


REFUSED = -1
REFUSALS = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)
"""A right or a policy that is missing, and a trigger that keeps what is finished."""


def tried(statement: str, values: Any) -> Any:
    """Rows read, or how many were changed, or that it was refused."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else cursor.rowcount
    except Error as error:
        if not isinstance(error.__cause__, REFUSALS):
            raise
        return REFUSED


STATEMENTS = (
    "SELECT 1 FROM {table}",
    "SELECT 1 FROM {table} WHERE organization_id = %(other)s",
    "UPDATE {table} SET organization_id = %(mine)s WHERE organization_id = %(other)s",
    "UPDATE {table} SET organization_id = organization_id WHERE organization_id = %(other)s",
    "DELETE FROM {table} WHERE organization_id = %(other)s",
    "UPDATE {table} SET organization_id = %(other)s",
    "INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object('organization_id',"
    " %(other)s::text))).* FROM {table} t LIMIT 1",
)


@pytest.mark.parametrize("table", TABLES)
def test_nothing_of_anothers_is_read_changed_removed_or_added(
    organization: OrganizationRef, other_organization: OrganizationRef, table: str
) -> None:
    for each in (organization, other_organization):
        row_made(table, each)
    ours, theirs = rows_of(table, organization), rows_of(table, other_organization)
    assert ours
    assert theirs

    mark = {"mine": organization.id, "other": other_organization.id}

    with tenant_scope(organization):
        told = [tried(statement.format(table=table), mark) for statement in STATEMENTS]

    assert told[0] in ([(1,)] * len(ours), REFUSED)
    assert told[1] in ([], REFUSED)
    assert set(told[2:5]) <= {0, REFUSED}
    assert told[5:] == [REFUSED, REFUSED]
    assert rows_of(table, other_organization) == theirs
    assert rows_of(table, organization) == ours


@pytest.fixture
def theirs(other_organization: OrganizationRef) -> dict[str, Any]:
    """Another organization with a row of all that a function could be given the id of."""
    now = clock.now()
    with system_scope("test"):
        promotion_add(
            actor=SYSTEM_ACTOR,
            code="OFF-10-USD",
            terms=PromotionTerms(kind=PromotionKind.AMOUNT, amount=10, currency="USD"),  # type: ignore[arg-type] # whole
        )
    with tenant_scope(other_organization):
        give = {"organization": other_organization, "unit": "prediction", "source": "gift"}
        grant = balance_grant(amount=50, kind="operator", **give)  # type: ignore[arg-type] # names
        holds = [
            hold_take(
                organization=other_organization,
                unit="prediction",
                amount=5,
                key=key,
                ttl_seconds=60,
            )
            for key in ("open", "captured")
        ]
        hold_capture(
            organization=other_organization, hold_id=holds[1].id, amount=4, event_id="captured"
        )
        limit = limit_set(
            organization=other_organization, unit="prediction", window="month", amount=10**6
        )
        redeemed = promotion_redeem(
            organization=other_organization, actor=SYSTEM_ACTOR, code="OFF-10-USD"
        )
    assert redeemed.discount is not None
    with system_scope("test"):
        Hold.objects.filter(id=holds[0].id).update(expires_at=now - timedelta(seconds=5))
        KeyedCall.objects.create(
            organization_id=other_organization.id,
            scope="POST /v1/classify",
            key="k",
            request_hash="h",
            hold_id=holds[0].id,
            expires_at=now - timedelta(seconds=5),
        )
    return {
        "id": other_organization.id,
        "grant": grant.id,
        "open": holds[0].id,
        "captured": holds[1].id,
        "limit": limit.id,
        "discount": redeemed.discount.id,
    }


TAKE = (
    "hold_take(jsonb_build_array(jsonb_build_object('organization_id', %(of)s::uuid,"
    " 'hold_id', %(open)s::uuid, 'unit', 'prediction', 'amount', 5, 'ttl_seconds', 60{more})))"
)
SETTLE = (
    "hold_settle(jsonb_build_array(jsonb_build_object('organization_id', %(of)s::uuid,"
    " 'hold_id', %(open)s::uuid, 'captured', 3, 'event_id', 'x', 'source', 'x')))"
)
# By function: the call, what the one whose scope is open is told of another's id under its own
# name, and under the other's.
CALLS: list[tuple[str, str, Any, Any]] = [
    ("hold_take", f"code FROM {TAKE.format(more='')}", [("mismatch",)], REFUSED),
    (
        "hold_take",
        "code FROM " + TAKE.format(more=", 'extends', true"),
        [("hold_closed",)],
        REFUSED,
    ),
    ("hold_settle", f"code FROM {SETTLE}", [("hold_unknown",)], REFUSED),
    ("hold_extend", "code FROM hold_extend(%(of)s, %(open)s, 60, 1)", [("hold_unknown",)], REFUSED),
    (
        "grant_add",
        "added FROM grant_add(%(of)s, 'prediction', 'operator', 9, 50, now(), NULL, 'gift', now())",
        [(True,)],
        REFUSED,
    ),
    ("grant_void", "grant_void(%(of)s, %(grant)s, now())", [(None,)], REFUSED),
    (
        "capture_refund",
        "code FROM capture_refund(%(of)s, %(captured)s, 1, 'x', 'x')",
        [("hold_unknown",)],
        REFUSED,
    ),
    ("account_open", "1 FROM account_open(%(of)s)", [(1,)], REFUSED),
    ("account_park", "account_park(%(of)s, 'x', now())", REFUSED, REFUSED),
    (
        "account_notice",
        "1 FROM account_notice(%(of)s, 'plan:payment', 'pro', now(), now())",
        [(1,)],
        REFUSED,
    ),
    ("limit_begin", "1 FROM limit_begin(%(of)s, %(limit)s, true, now())", [(1,)], REFUSED),
    ("ledger_sweep", "ledger_sweep(1000, '2999-01-01', %(of)s)", REFUSED, REFUSED),
    ("hold_reap", "hold_reap(1000)", REFUSED, REFUSED),
    ("calls_forget", "calls_forget(1000)", REFUSED, REFUSED),
    (
        "promotion_redeem",
        "outcome FROM promotion_redeem(%(of)s, 'NONE-SUCH', now())",
        [("unknown",)],
        REFUSED,
    ),
    (
        "discount_draw",
        "code FROM discount_draw(%(of)s, %(discount)s, 'x', 5, 'USD', now())",
        [("unknown",)],
        REFUSED,
    ),
    ("number_take", "number_take('X-2026')", [(1,)], [(2,)]),
    ("jobs_queue_places", "job_id FROM jobs_queue_places()", [], []),
    ("jobs_speed", "device FROM jobs_speed('minilm-l6', 'head')", [], []),
]
BY_SECRET = {
    # Answers whoever knows a key, an invitation or a person's id: nobody is inside yet.
    "key_lookup",
    "invitation_lookup",
    "memberships_of_user",
    # Asked by the gateway and the claim for everybody: it tells a plan's public terms.
    "plan_limits_of",
}


def test_every_function_that_runs_as_the_system_is_called_here() -> None:
    assert {name for name, *_ in CALLS} | BY_SECRET == DEFINER_FUNCTIONS


@pytest.mark.parametrize(("name", "call", "own", "others"), CALLS)
def test_no_function_moves_or_tells_what_is_anothers(
    organization: OrganizationRef,
    theirs: dict[str, Any],
    name: str,
    call: str,
    own: Any,
    others: Any,
) -> None:
    other = OrganizationRef(theirs["id"], "other")
    before = [rows_of(table, other) for table in TABLES]

    with tenant_scope(organization):
        told = [tried(f"SELECT {call}", theirs | {"of": of}) for of in (organization.id, other.id)]

    assert told == [own, others]
    assert [rows_of(table, other) for table in TABLES] == before
