"""What must be true of the database login before anything runs."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.backends.signals import connection_created

_passed = False


@register(Tags.database)
def check_role(
    app_configs: object, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Refuse a login that row level security would not bind."""
    if not databases or settings.ANNEAL_AS_OWNER:
        return []
    return [Error(text, id="anneal.E001") for text in role_faults()]


def refuse_unsafe_login(**_: Any) -> None:
    """Stop the process at its first connection when its login is not bound by the walls."""
    global _passed
    if _passed or settings.ANNEAL_AS_OWNER:
        return
    _passed = True  # role_faults asks through this same connection
    faults = role_faults()
    if faults:
        _passed = False
        raise ImproperlyConfigured(" ".join(faults))


connection_created.connect(refuse_unsafe_login, dispatch_uid="anneal.refuse_unsafe_login")


def role_faults() -> list[str]:
    """Name what is wrong with the present login; empty when it is safe to run as."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, current_user,"
            " EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid),"
            " EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles s ON s.oid = m.roleid"
            "  WHERE m.member = pg_roles.oid AND s.rolname = 'anneal_system' AND m.inherit_option)"
            " FROM pg_roles WHERE rolname = current_user"
        )
        superuser, bypass, name, owns, inherits = cursor.fetchone()
    faults = []
    if superuser or bypass:
        faults.append(f"The database role {name} ignores row level security: use anneal_app.")
    if owns:
        faults.append(f"The database role {name} owns tables: run as anneal_app, which owns none.")
    if inherits:
        faults.append(f"The role {name} inherits anneal_system: grant it WITH INHERIT FALSE.")
    return faults
