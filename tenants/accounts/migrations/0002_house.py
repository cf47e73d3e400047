"""The installation's own organization, to which the anonymous trial is charged."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system


def house_make(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    # By cursor: the historical model carries today's fail-closed manager or none, this needs neither.
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_organization (id, created_at, slug, name, kind, suspended_reason)"
            " VALUES (%s, %s, 'house', 'House', 'house', '') ON CONFLICT DO NOTHING",
            [UUID("00000000-0000-7000-8000-000000000001"), datetime.now(UTC)],
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(as_system(house_make), migrations.RunPython.noop)]
