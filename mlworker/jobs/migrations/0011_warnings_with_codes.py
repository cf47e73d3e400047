"""Warnings were sentences; now each has a code and data beside it."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system


def warnings_code(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give each sentence the code of those that have none of their own."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_finetuningjob SET warnings = ("
            "  SELECT jsonb_agg(jsonb_build_object("
            "    'code', 'note', 'message', told.value, 'data', '{}'::jsonb) ORDER BY place)"
            "  FROM jsonb_array_elements(warnings) WITH ORDINALITY AS told(value, place)) "
            "WHERE warnings <> '[]'::jsonb"
        )


class Migration(migrations.Migration):
    dependencies = [("jobs", "0010_outcome_contract")]

    operations = [migrations.RunPython(as_system(warnings_code), migrations.RunPython.noop)]
