"""What may be read about keys."""

from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel.errors import NotFound
from anneal.kernel.principal import Permission, Principal
from anneal.kernel.scopes import OrganizationRef, require_scope
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


def key_exists(*, organization: OrganizationRef, key_id: UUID) -> bool:
    """Say whether the organization has an API key of that id, whoever made it."""
    require_scope(organization)
    return ApiKey.objects.filter(
        organization_id=organization.id, id=key_id, kind=KeyKind.API
    ).exists()


def key_maker_id(*, organization: OrganizationRef, key_id: UUID) -> UUID | None:
    """Return which member made a key, for whose limits its calls count."""
    require_scope(organization)
    found: UUID | None = (
        ApiKey.objects.filter(organization_id=organization.id, id=key_id)
        .values_list("created_by_id", flat=True)
        .first()
    )
    return found
