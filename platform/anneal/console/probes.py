"""`/readyz` and `/metrics`. (`/livez` is the gateway's and asks nobody.)"""

import functools
import hmac
import os
from typing import Final

from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from anneal.console.figures import figures_read
from anneal.console.shell import error_answer
from anneal.kernel.checks import role_faults
from anneal.kernel.errors import NotFound
from anneal.kernel.metrics.families import OPEN_METRICS, TEXT, render, wants_open_metrics
from anneal.kernel.redis import redis_client

_LOCAL: Final = frozenset({"", "127.0.0.1", "::1"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether this process may take traffic: right database role, migrated, storage answers.

    Redis is reported and does not decide: work is accepted without it.
    """
    checks = {"database": _database(), "storage": _storage(), "redis": _redis()}
    ready = checks["database"] == "ok" and checks["storage"] == "ok"
    return JsonResponse(
        {"status": "ready" if ready else "not_ready", "checks": checks},
        status=200 if ready else 503,
    )


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus. Open to this machine, to others by the token ANNEAL_METRICS_TOKEN."""
    token = os.environ.get("ANNEAL_METRICS_TOKEN", "")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    known = bool(token) and hmac.compare_digest(given.encode(), token.encode())
    local = request.META.get("REMOTE_ADDR", "") in _LOCAL
    # A proxy on this machine would make every caller look local, so a forwarded call is none.
    if not known and (not local or "X-Forwarded-For" in request.headers):
        return error_answer(NotFound("No such address: /metrics"))
    open_metrics = wants_open_metrics(request.headers.get("Accept", ""))
    text = render(figures_read(), open_metrics=open_metrics)
    return HttpResponse(text, content_type=OPEN_METRICS if open_metrics else TEXT)


def _database() -> str:
    try:
        faults = role_faults()
        if faults:
            return faults[0]
        return "ok" if _migrated() else "Migrations are missing: run `manage.py migrate`."
    except Exception:  # noqa: BLE001 # a probe reports, it does not fail
        return "The database does not answer."


@functools.cache
def _once_migrated() -> list[bool]:
    return []


def _migrated() -> bool:
    """Ask until the answer is yes; then it stays so, since new migrations come with new code."""
    if not _once_migrated():
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _once_migrated().append(True)
    return True


def _storage() -> str:
    try:
        default_storage.exists("readyz")
    except Exception:  # noqa: BLE001 # a probe reports, it does not fail
        return "The object storage does not answer."
    return "ok"


def _redis() -> str:
    try:
        redis_client().ping()
    except RedisError:
        return "Redis does not answer."
    return "ok"
