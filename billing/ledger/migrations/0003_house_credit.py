"""What the anonymous trial may spend: credit of the installation's own organization."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system


def house_credit(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT grant_add(id, 'prediction', 'operator', 1000000, 50, clock_timestamp(), NULL,"
            " 'house', clock_timestamp()) FROM accounts_organization WHERE kind = 'house'"
        )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_functions"), ("accounts", "0002_house")]

    operations = [migrations.RunPython(as_system(house_credit), migrations.RunPython.noop)]
