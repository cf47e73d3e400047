"""The operator's one-time sign-in link."""

import secrets
from typing import Final

from django.db import connection

from anneal.kernel.ids import uuid7
from tenants.accounts.models import User
from tenants.accounts.services.invitations import token_digest
from tenants.accounts.services.users import user_create_verified

LIFETIME_SECONDS: Final = 30 * 60
LOCAL_OPERATOR: Final = "operator@local"


def operator_link_create() -> str:
    """Return a token that signs the operator in, once, within half an hour."""
    token = secrets.token_urlsafe(32)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT operator_link_add(%s, %s, %s)",
            [uuid7(), token_digest(token), LIFETIME_SECONDS],
        )
    return token


def operator_link_use(token: str) -> User | None:
    """Spend a token and return the operator, made if there is none yet; None if it is no good.

    Spending is one conditional update, so of two visits at once only one gets in.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT operator_link_use(%s)", [token_digest(token)])
        row = cursor.fetchone()
    if row is None or not row[0]:
        return None
    operator = User.objects.filter(is_staff=True, is_active=True).order_by("id").first()
    if operator is None:
        made = user_create_verified(
            email=LOCAL_OPERATOR, password=None, name="Operator", is_staff=True
        )
        operator = User.objects.get(id=made.id)
    return operator
