"""`/v1/api_keys` and `/v1/session_keys`."""

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.errors import PermissionDenied
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import KeyScope, Permission
from tenants.keys.contracts import LIMIT_MOST, KeyInfo, KeyLimits, KeyMade
from tenants.keys.selectors import key_get, keys_visible
from tenants.keys.services import (
    api_key_create,
    api_key_limit,
    api_key_revoke,
    key_info,
    session_key_create,
)

_SCOPES = [scope.value for scope in KeyScope]
_LIMIT = "null is no limit of the key's own: the organization's counts all its keys in any case."


class ApiKeyLimits(serializers.Serializer[Any]):
    """What a key may do on the online path, within what its organization may."""

    requests_per_minute = serializers.IntegerField(
        min_value=1, max_value=LIMIT_MOST, required=False, allow_null=True, help_text=_LIMIT
    )
    calls_in_flight = serializers.IntegerField(
        min_value=1, max_value=LIMIT_MOST, required=False, allow_null=True, help_text=_LIMIT
    )


class ApiKeyCreate(ApiKeyLimits):
    """The body of a new key."""

    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=_SCOPES), allow_empty=False, max_length=len(_SCOPES)
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    environment = serializers.ChoiceField(choices=["live", "test"], default="live")


class ApiKeyOut(serializers.Serializer[Any]):
    """A key as it is listed."""

    id = serializers.CharField()
    object = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="`ak_live_` or `ak_test_`.")
    last4 = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=_SCOPES))
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="Within five minutes.")
    requests_per_minute = serializers.IntegerField(allow_null=True, help_text=_LIMIT)
    calls_in_flight = serializers.IntegerField(allow_null=True, help_text=_LIMIT)


class ApiKeyMadeOut(ApiKeyOut):
    """A key at birth: the only answer that holds its text."""

    key = serializers.CharField(help_text="The whole key. It is shown this once.")


class ApiKeyListOut(serializers.Serializer[Any]):
    """Keys, newest first."""

    object = serializers.CharField()
    data = ApiKeyOut(many=True)  # type: ignore[assignment] # a field here, as in the answer
    has_more = serializers.BooleanField()


class SessionKeyOut(serializers.Serializer[Any]):
    """The web page's key."""

    object = serializers.CharField()
    key = serializers.CharField()
    expires_at = serializers.DateTimeField()


class ApiKeysView(TenantView):
    """List and make keys."""

    permission: ClassVar = {"GET": Permission.KEYS_OWN, "POST": Permission.KEYS_OWN}

    @extend_schema(operation_id="api_keys_list", responses=ApiKeyListOut)
    def get(self, request: Request) -> Response:
        """List the keys the caller may see."""
        rows = keys_visible(principal=self.principal)
        return Response(
            page(rows, request, prefix="key_", render=lambda row: key_json(key_info(row)))
        )

    @extend_schema(
        operation_id="api_keys_create", request=ApiKeyCreate, responses={201: ApiKeyMadeOut}
    )
    def post(self, request: Request) -> Response:
        """Make a key; the answer holds its text, this once."""
        body = self.body(ApiKeyCreate)
        made = api_key_create(
            organization=self.organization,
            principal=self.principal,
            name=body["name"],
            scopes=frozenset(KeyScope(scope) for scope in body["scopes"]),
            expires_at=body.get("expires_at"),
            environment=body["environment"],
            limits=KeyLimits(body.get("requests_per_minute"), body.get("calls_in_flight")),
        )
        return Response(_made_json(made), status=status.HTTP_201_CREATED)


class ApiKeyView(TenantView):
    """Read, limit or revoke one key."""

    permission: ClassVar = {
        "GET": Permission.KEYS_OWN,
        "PATCH": Permission.KEYS_OWN,
        "DELETE": Permission.KEYS_OWN,
    }
    located: KeyInfo

    def locate(self, request: Request, **ids: str) -> KeyInfo:
        """Find the key among those the caller may see."""
        return key_get(principal=self.principal, key_id=parse_id("key_", ids["key_id"]))

    @extend_schema(operation_id="api_keys_retrieve", responses=ApiKeyOut)
    def get(self, request: Request, key_id: str) -> Response:
        """Read one key."""
        return Response(key_json(self.located))

    @extend_schema(operation_id="api_keys_limit", request=ApiKeyLimits, responses=ApiKeyOut)
    def patch(self, request: Request, key_id: str) -> Response:
        """Change the limits that are named; null takes one away. The next call is held to them."""
        limited = api_key_limit(
            organization=self.organization,
            actor=self.actor,
            key_id=self.located.id,
            changes=self.body(ApiKeyLimits),
        )
        return Response(key_json(limited))

    @extend_schema(operation_id="api_keys_revoke", request=None, responses={200: ApiKeyOut})
    def delete(self, request: Request, key_id: str) -> Response:
        """Revoke a key; its next call is refused."""
        revoked = api_key_revoke(
            organization=self.organization, actor=self.actor, key_id=self.located.id
        )
        return Response(key_json(revoked))


class SessionKeysView(TenantView):
    """Make the web page's key."""

    permission = Permission.PREDICT

    @extend_schema(operation_id="session_keys_create", request=None, responses={201: SessionKeyOut})
    def post(self, request: Request) -> Response:
        """Make a key for an hour, scope predict, for signed-in people. Signing out ends it."""
        session = request.session.session_key
        if self.principal.key_id is not None or session is None:
            raise PermissionDenied("Session keys are for the signed-in page: use your API key.")
        made = session_key_create(
            organization=self.organization,
            principal=self.principal,
            session=session,
        )
        return Response(
            {
                "object": "session_key",
                "key": made.secret,
                "expires_at": _time(made.key.expires_at),
            },
            status=status.HTTP_201_CREATED,
        )


def key_json(key: KeyInfo) -> dict[str, Any]:
    """Render a key for a list."""
    return {
        "id": public_id("key_", key.id),
        "object": "api_key",
        "name": key.name,
        "prefix": key.prefix,
        "last4": key.last4,
        "scopes": [str(scope) for scope in key.scopes],
        "created_by": public_id("usr_", key.created_by),
        "created_at": _time(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "last_used_at": _time(key.last_used_at),
        **asdict(key.limits),
    }


def _made_json(made: KeyMade) -> dict[str, Any]:
    return {**key_json(made.key), "key": made.secret}


def _time(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
