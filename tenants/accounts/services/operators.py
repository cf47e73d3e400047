"""The operator's one-time sign-in link. Both services run in a system scope."""

import secrets
from datetime import timedelta
from typing import Final

from django.db.models.functions import Now

from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import require_scope
from tenants.accounts.contracts import HOUSE_ORGANIZATION
from tenants.accounts.models import OperatorLink, User
from tenants.accounts.services.invitations import token_digest
from tenants.accounts.services.users import user_create_verified

LIFETIME: Final = timedelta(minutes=30)
LOCAL_OPERATOR: Final = "operator@local"


def operator_link_create() -> str:
    """Return a token that signs the operator in, once, within half an hour."""
    require_scope(HOUSE_ORGANIZATION)
    token = secrets.token_urlsafe(32)
    row = OperatorLink(token_sha256=token_digest(token), expires_at=Now() + LIFETIME)
    row.save(force_insert=True)
    audit_record(
        actor=SYSTEM_ACTOR,
        action="operator_link.create",
        target=public_id("opl_", row.id),
        organization=HOUSE_ORGANIZATION,
    )
    return token


def operator_link_use(token: str) -> User | None:
    """Spend a token and return the operator, made if there is none yet; None if it is no good.

    Spending is one conditional update, so of two visits at once only one gets in.
    """
    require_scope(HOUSE_ORGANIZATION)
    good = OperatorLink.objects.filter(
        token_sha256=token_digest(token), used_at=None, expires_at__gt=Now()
    )
    if good.update(used_at=Now()) == 0:
        return None
    operator = User.objects.filter(is_staff=True, is_active=True).order_by("id").first()
    if operator is None:
        made = user_create_verified(
            email=LOCAL_OPERATOR, password=None, name="Operator", is_staff=True
        )
        operator = User.objects.get(id=made.id)
    audit_record(
        actor=Actor(kind="operator", id=operator.id, label=operator.email),
        action="operator.sign_in",
        target=public_id("usr_", operator.id),
        organization=HOUSE_ORGANIZATION,
    )
    return operator
