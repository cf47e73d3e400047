"""The API's common ground: views in a scope, one error shape, lists, idempotency, streams."""

from anneal.kernel.api.authentication import authenticate, authenticate_async
from anneal.kernel.api.downloads import Download
from anneal.kernel.api.pagination import integer_read, limit_read, page, whole_list
from anneal.kernel.api.streams import run_unit
from anneal.kernel.api.views import OpenView, TenantView

__all__ = [
    "Download",
    "OpenView",
    "TenantView",
    "authenticate",
    "authenticate_async",
    "integer_read",
    "limit_read",
    "page",
    "run_unit",
    "whole_list",
]
