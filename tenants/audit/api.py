"""`GET /v1/audit`: who changed what, newest first."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.ids import public_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Permission


class AuditActor(serializers.Serializer[Any]):
    """Who did it."""

    kind = serializers.ChoiceField(choices=["user", "api_key", "operator", "system"])
    id = serializers.CharField(allow_null=True)
    label = serializers.CharField()  # type: ignore[assignment] # a field here, as in the answer


class AuditEventOut(serializers.Serializer[Any]):
    """One change."""

    id = serializers.CharField()
    object = serializers.CharField()
    action = serializers.CharField(help_text="`noun.verb`.")
    actor = AuditActor()
    target = serializers.CharField()
    detail = serializers.DictField()
    created_at = serializers.DateTimeField()


class AuditListOut(serializers.Serializer[Any]):
    """Changes, newest first."""

    object = serializers.CharField()
    data = AuditEventOut(many=True)  # type: ignore[assignment] # a field here, as in the answer
    has_more = serializers.BooleanField()


class AuditView(TenantView):
    """The organization's audit trail."""

    permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_list", responses=AuditListOut)
    def get(self, request: Request) -> Response:
        """List changes; `?action=` and `?target=` narrow it."""
        rows = AuditEvent.objects.all()
        for field in ("action", "target"):
            wanted = request.query_params.get(field)
            if wanted:
                rows = rows.filter(**{field: wanted})
        return Response(page(rows, request, prefix="evt_", render=_event_json))


_ACTOR_PREFIX = {"user": "usr_", "operator": "usr_", "api_key": "key_"}


def _event_json(row: AuditEvent) -> dict[str, Any]:
    prefix = _ACTOR_PREFIX.get(row.actor_kind)
    return {
        "id": public_id("evt_", row.id),
        "object": "audit_event",
        "action": row.action,
        "actor": {
            "kind": row.actor_kind,
            "id": public_id(prefix, row.actor_id) if prefix and row.actor_id else None,
            "label": row.actor_label,
        },
        "target": row.target,
        "detail": row.detail,
        "created_at": row.created_at.isoformat(),
    }
