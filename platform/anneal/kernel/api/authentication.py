"""Who calls: the first authenticator of the settings that knows the caller answers."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from anneal.kernel.api.streams import run_unit
from anneal.kernel.errors import AuthenticationFailed
from anneal.kernel.principal import Principal


def authenticate(request: HttpRequest) -> Principal:
    """Return the caller. AuthenticationFailed when no authenticator knows it.

    ``settings.ANNEAL_AUTHENTICATORS`` names functions of a request that return a Principal, or
    None for "not my kind of credentials", or raise for credentials of their kind that are bad.
    """
    for path in settings.ANNEAL_AUTHENTICATORS:
        principal: Principal | None = import_string(path)(request)
        if principal is not None:
            return principal
    raise AuthenticationFailed


async def authenticate_async(request: HttpRequest) -> Principal:
    """Return the caller, for asynchronous views; no connection is kept afterwards."""
    return await run_unit(authenticate, request)
