"""What `doctor` asks inside Django: database role, migrations, storage, payments. One line.

Run as `python -m anneal.local.doctor_django` with a running process's environment.
"""

from __future__ import annotations

import sys
from uuid import uuid4

import django


def main() -> int:
    """Look at all of them; 1 and the faults when one is wrong."""
    django.setup()
    from anneal.kernel.checks import role_faults  # noqa: PLC0415 - after setup

    try:
        faults = role_faults() or _unapplied() or [*_storage(), *_payments()]
    except Exception as error:  # noqa: BLE001 - whatever it is, doctor says it in one line
        faults = [f"{type(error).__name__}: {error}".splitlines()[0]]
    print(" ".join(faults) or "role is bound by row level security, migrations applied, storage ok")
    return int(bool(faults))


def _unapplied() -> list[str]:
    from django.db import connection  # noqa: PLC0415 - after setup
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 - after setup

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{len(plan)} migrations are not applied: run manage.py migrate."] if plan else []


def _storage() -> list[str]:
    from django.core.files.base import ContentFile  # noqa: PLC0415 - after setup
    from django.core.files.storage import default_storage  # noqa: PLC0415 - after setup

    name = default_storage.save(f"doctor/{uuid4().hex}", ContentFile(b"anneal"))
    try:
        with default_storage.open(name) as stored:
            right = stored.read() == b"anneal"
    finally:
        default_storage.delete(name)
    return [] if right else ["Object storage does not give back what it was given."]


def _payments() -> list[str]:
    from anneal.kernel.scopes import system_scope  # noqa: PLC0415 - after setup
    from billing.payments.services.export_send import export_faults  # noqa: PLC0415 - after setup
    from billing.payments.services.refused import collection_faults  # noqa: PLC0415 - after setup

    with system_scope("doctor"):
        return [*collection_faults(), *export_faults()]


if __name__ == "__main__":
    sys.exit(main())
