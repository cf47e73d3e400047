"""What the registry stores for an organization beside what its jobs left."""

from django.db.models import Sum

from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.registry.contracts import Origin
from mlworker.registry.models import ModelExport, ModelVersion


def brought_bytes(organization: OrganizationRef) -> int:
    """Return the bytes of imports and exports: files that people put there, as uploads are."""
    require_scope(organization)
    imports = ModelVersion.objects.filter(organization_id=organization.id, origin=Origin.IMPORT)
    exports = ModelExport.objects.filter(organization_id=organization.id)
    brought = imports.aggregate(total=Sum("artifact_bytes"))["total"] or 0
    return brought + (exports.aggregate(total=Sum("size"))["total"] or 0)
