"""Organizations whose books are copies of one's, row by row: what the ledger wrote, for thousands.

Millions of events by the ledger's own functions take longer than what is measured on them. Each
copied row keeps its columns but for the names: ids of its own, in the order in which the ledger
would have made them, the copy's organization, model and moment. Sums are not copied: the product
makes them. A column that is added later is copied as it is.
"""

from typing import Final
from uuid import UUID

from django.db import connection, models

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import system_scope
from billing.ledger.models import Balance, Grant, Hold, LedgerEntry
from billing.metering.models import UsageEvent, UsageEventKey

AT_ONCE: Final = 250
_APART: Final = "interval '7 seconds'"

_OWN: Final = {"id": "anneal_uuid7()", "organization_id": "x.o"}
_BOOKED: Final = _OWN | {
    "grant_id": "x.g",
    "journal_id": "CASE WHEN t.hold_id IS NULL THEN x.j ELSE x.h END",
    "hold_id": "CASE WHEN t.hold_id IS NOT NULL THEN x.h END",
}
_HELD: Final = _OWN | {
    "id": "x.h",
    "draws": "replace(t.draws::text, %(grant)s::text, x.g::text)::jsonb",
}
_USED: Final = {
    "id": "t.made",
    "organization_id": "t.o",
    "event_id": "t.made::text",
    "hold_id": "t.h",
    "model": "t.called",
    "occurred_at": f"t.occurred_at + t.n * {_APART}",
    "counts_at": f"t.counts_at + t.n * {_APART}",
}
_KEYED: Final = _USED | {
    "payload_hash": "usage_hash(t.meter, t.units, t.called, t.deployment_id, t.api_key_id, t.dims)"
}


def _columns(model: type[models.Model], own: dict[str, str]) -> tuple[str, str]:
    names = [str(field.column) for field in model._meta.concrete_fields]
    return ", ".join(names), ", ".join(own.get(name, f"t.{name}") for name in names)


def _copy(model: type[models.Model], own: dict[str, str], where: str) -> str:
    """Say how each of the copies gets its own of the original's rows that ``where`` names."""
    table, (names, values) = model._meta.db_table, _columns(model, own)
    return f"""
    INSERT INTO {table} ({names}) SELECT {values}
    FROM {table} t CROSS JOIN unnest(
      %(organizations)s::uuid[], %(grants)s::uuid[], %(holds)s::uuid[], %(journals)s::uuid[]
    ) WITH ORDINALITY x (o, g, h, j, n)
    WHERE t.organization_id = %(original)s AND {where} ORDER BY x.n, t.id
    """


_FIRST: Final = (
    _copy(Grant, _OWN | {"id": "x.g"}, "true"),
    _copy(Balance, _OWN, "true"),
    _copy(LedgerEntry, _BOOKED, "t.hold_id IS NULL"),
)
_HOLD: Final = (
    _copy(Hold, _HELD, "t.id = %(hold)s"),
    _copy(LedgerEntry, _BOOKED, "t.hold_id = %(hold)s"),
)
_EVENTS: Final = """
WITH t AS MATERIALIZED (
  SELECT anneal_uuid7() AS made, x.o, x.h, x.n, 'm' || x.n %% 20 AS called, e.*
  FROM metering_usageevent e CROSS JOIN (
    SELECT o, h, n %% 100 AS n
    FROM unnest(%(organizations)s::uuid[], %(holds)s::uuid[]) WITH ORDINALITY AS u (o, h, n)) x
  WHERE e.organization_id = %(original)s AND e.hold_id = %(hold)s ORDER BY x.h, e.id
), keyed AS (
  INSERT INTO metering_usageeventkey ({}) SELECT {} FROM t
)
INSERT INTO metering_usageevent ({}) SELECT {} FROM t
""".format(*_columns(UsageEventKey, _KEYED), *_columns(UsageEvent, _USED))


def organizations_copy(original: UUID, copies: list[UUID]) -> None:
    """Give each of ``copies``, which have no books, those of ``original``: a grant and its holds.

    Every hold must have been captured, from that grant alone.
    """
    with system_scope("bench"):
        grant = Grant.objects.get(organization_id=original).id
        holds = list(
            Hold.objects.filter(organization_id=original)
            .order_by("id")
            .values_list("id", flat=True)
        )
    ordered = sorted(copies)
    # A few hundred at a time, so that the pages of the indexes they share are written but once.
    for first in range(0, len(ordered), AT_ONCE):
        some = ordered[first : first + AT_ONCE]
        grants = [uuid7() for _ in some]
        for hold in (None, *holds):
            values = {
                "original": original,
                "grant": grant,
                "hold": hold,
                "organizations": some,
                "grants": grants,
                "holds": [uuid7() for _ in some],
                "journals": [uuid7() for _ in some],
            }
            with system_scope("bench"), connection.cursor() as cursor:
                for statement in _FIRST if hold is None else (*_HOLD, _EVENTS):
                    cursor.execute(statement, values)
