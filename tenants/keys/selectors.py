"""What may be read about keys."""

from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel.errors import NotFound
from anneal.kernel.principal import Permission, Principal
from anneal.kernel.scopes import require_scope
from tenants.keys.contracts import KeyInfo
from tenants.keys.models import ApiKey, KeyKind
from tenants.keys.services import key_info, key_maker


def keys_visible(*, principal: Principal) -> QuerySet[ApiKey]:
    """Return the API keys the caller may see: all of them, or with KEYS_OWN the caller's own."""
    require_scope(principal.organization)
    rows = ApiKey.objects.filter(organization_id=principal.organization.id, kind=KeyKind.API)
    if principal.can(Permission.KEYS_ALL):
        return rows
    return rows.filter(created_by_id=key_maker(principal))


def key_get(*, principal: Principal, key_id: UUID) -> KeyInfo:
    """Read one key; one the caller may not see is NotFound."""
    row = keys_visible(principal=principal).filter(id=key_id).first()
    if row is None:
        raise NotFound
    return key_info(row)
