"""The base of every API view.

Order of checks: 401, then the 404 of the object, then 403, then the 400 of the body. The
exception of a handler crosses the scope's exit before it becomes an answer: caught inside, it
would commit half-written rows.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from django.http import HttpRequest, HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from anneal.kernel.api.authentication import authenticate
from anneal.kernel.api.idempotency import HEADER, IdempotentCall
from anneal.kernel.errors import InvalidRequest, MethodNotAllowed, PermissionDenied
from anneal.kernel.principal import Actor, Permission, Principal
from anneal.kernel.scopes import OrganizationRef, tenant_scope


class OpenView(APIView):
    """A view without a caller: it shares the parsing and the error shape, and opens no scope."""

    authentication_classes: ClassVar[list[Any]] = []  # type: ignore[misc] # a class attribute here
    permission_classes: ClassVar[list[Any]] = []  # type: ignore[misc] # a class attribute here

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep answers out of caches: they are one caller's. A view's own rule stays."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    def body(self, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return the validated body; InvalidRequest names the first wrong field."""
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        validated: dict[str, Any] = serializer.validated_data
        return validated


class TenantView(OpenView):
    """A view for one organization: authenticated, scoped, checked."""

    permission: ClassVar[Permission | Mapping[str, Permission]]
    idempotency: ClassVar[Mapping[str, Literal["optional", "required"]]] = {}
    own_scopes: ClassVar[bool] = False
    """Whether the handler opens its scopes itself, as it waits for a store between two of them.
    Such a view locates nothing and keeps no idempotency."""

    principal: Principal
    located: Any = None

    @property
    def organization(self) -> OrganizationRef:
        """The caller's organization."""
        return self.principal.organization

    @property
    def actor(self) -> Actor:
        """Who calls, for the audit row."""
        return self.principal.actor

    def locate(self, request: Request, **ids: str) -> object | None:
        """Fetch the object that the URL names; NotFound if the organization has none such."""
        return None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Authenticate, open the scope, check, handle, close it, answer."""
        self.args, self.kwargs = args, kwargs
        drf_request = self.initialize_request(request, *args, **kwargs)
        self.request = drf_request
        self.headers = self.default_response_headers
        try:
            self.initial(drf_request, *args, **kwargs)
            self.principal = authenticate(request)
            if self.own_scopes:
                response = self._answer(drf_request, kwargs)
            else:
                with tenant_scope(self.organization):
                    response = self._answer(drf_request, kwargs)
        except Exception as error:  # noqa: BLE001 # the border: every fault becomes an answer
            response = self.handle_exception(error)
        self.response = self.finalize_response(drf_request, response, *args, **kwargs)
        return self.response

    def _answer(self, request: Request, ids: dict[str, str]) -> Response:
        method = request.method or ""
        handler = getattr(self, method.lower(), None)
        if handler is None or method.lower() not in self.http_method_names:
            raise MethodNotAllowed
        self.located = self.locate(request, **ids)
        self._check_permission(method)
        key = request.headers.get(HEADER)
        rule = self.idempotency.get(method)
        if rule == "required" and not key:
            raise InvalidRequest(f"Send the header {HEADER}: any text unique to this request.")
        if rule is None or not key:
            return self._finished(handler(request, **ids))
        call = IdempotentCall(request, self.organization, key)
        response = call.stored()
        if response is None:
            response = self._finished(handler(request, **ids))
            call.store(response)
        return response

    def _check_permission(self, method: str) -> None:
        needed = self.permission
        if isinstance(needed, Mapping):
            wanted = needed.get(method) or needed.get("GET" if method == "HEAD" else "")
            if wanted is None:
                raise MethodNotAllowed
            needed = wanted
        if not self.principal.can(needed):
            raise PermissionDenied(
                f"This needs the permission '{needed}': your role is {self.principal.role}."
            )

    @staticmethod
    def _finished(response: Response) -> Response:
        # Lazy data would be evaluated after the scope has closed.
        if response.data is not None and not isinstance(response.data, dict | list | str | bytes):
            raise TypeError("A view must answer with evaluated data.")
        return response
