"""Idempotency keys: the first answer is stored in the transaction of its effect, then replayed."""

import hashlib
import json
from datetime import timedelta
from typing import Final

from django.db import connection
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel import clock
from anneal.kernel.errors import IdempotencyInFlight, IdempotencyMismatch, InvalidRequest
from anneal.kernel.models import IdempotencyRecord
from anneal.kernel.scopes import OrganizationRef

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
_MAX_KEY: Final = 255
KEPT: Final = timedelta(hours=24)


class IdempotentCall:
    """One POST with its key, inside the tenant scope."""

    def __init__(self, request: Request, organization: OrganizationRef, key: str) -> None:
        if len(key) > _MAX_KEY or not key.isprintable():
            raise InvalidRequest(f"{HEADER} must be at most {_MAX_KEY} printable characters.")
        self.method, self.path, self.key = request.method or "", request.path, key
        self.request_hash = request_hash(request)
        self.lock = f"{organization.id}:{self.method}:{self.path}:{key}"

    def stored(self) -> Response | None:
        """Return the first answer, or None when this is the first call. Takes the key's lock.

        The lock lives as long as the transaction. Waiting for it would hold a connection per
        retry, so a call that finds it taken is told to come back.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [self.lock])
            if not cursor.fetchone()[0]:
                raise IdempotencyInFlight(retry_after=1)
        same = IdempotencyRecord.objects.filter(method=self.method, path=self.path, key=self.key)
        record = same.first()
        if record is None:
            return None
        if record.created_at < clock.now() - KEPT:
            same.delete()
            return None
        if record.request_hash != self.request_hash:
            raise IdempotencyMismatch(param=HEADER)
        return Response(
            json.loads(record.response), status=record.status, headers={REPLAYED: "true"}
        )

    def store(self, response: Response) -> None:
        """Keep the answer; it commits together with what it tells."""
        IdempotencyRecord(
            method=self.method,
            path=self.path,
            key=self.key,
            request_hash=self.request_hash,
            status=response.status_code,
            response=JSONRenderer().render(response.data).decode(),
        ).save(force_insert=True)


def request_hash(request: Request) -> str:
    """Return the sha256 of the parsed body, so that spelling and spacing do not matter."""
    body = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(body.encode()).hexdigest()
