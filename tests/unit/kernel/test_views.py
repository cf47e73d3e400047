"""The base view: order of checks, rollback on error, idempotency, lists."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation, TooManyFilesSent
from django.db import DataError, IntegrityError, OperationalError
from django.http import UnreadablePostError
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from anneal.kernel import clock
from anneal.kernel.api import TenantView, page
from anneal.kernel.api.handling import translate
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import Conflict, NotFound
from anneal.kernel.models import AuditEvent, IdempotencyRecord
from anneal.kernel.principal import KeyScope, Permission, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.tasks import sweep
from tests.unit.factories import make_key

pytestmark = pytest.mark.django_db


class NoteBody(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=20)


class Notes(TenantView):
    """Writes an audit row per POST, then perhaps regrets it."""

    permission = {"GET": Permission.READ, "POST": Permission.TRAIN}
    idempotency = {"POST": "optional"}

    def locate(self, request: Request, **ids: str) -> object | None:
        if ids.get("note_id") == "missing":
            raise NotFound
        return None

    def get(self, request: Request, **ids: str) -> Response:
        rows = AuditEvent.objects.filter(action="note.write")
        return Response(page(rows, request, prefix="evt_", render=lambda row: {"id": row.target}))

    def post(self, request: Request, **ids: str) -> Response:
        text = self.body(NoteBody)["text"]
        audit_record(actor=self.actor, action="note.write", target=text)
        if text == "regret":
            raise Conflict
        return Response({"z": 1, "id": text, "a": [2.5, None]}, status=201)


def _call(
    method: str, key: str, body: object = None, path: str = "/notes", **options: Any
) -> Response:
    factory = APIRequestFactory()
    headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
    request = getattr(factory, method)(path, body, format="json", headers=headers)
    response: Response = Notes.as_view()(request, **options)
    response.render()
    return response


def _notes(organization: OrganizationRef) -> list[str]:
    with tenant_scope(organization):
        return [row.target for row in AuditEvent.objects.filter(action="note.write")]


@pytest.fixture
def key(organization: OrganizationRef) -> str:
    return make_key(organization, Role.DEVELOPER)


def test_object_before_permission_before_body(organization: OrganizationRef) -> None:
    weak = make_key(organization, Role.VIEWER)
    strong = make_key(organization, Role.DEVELOPER)
    assert _call("post", "nonsense", {}, note_id="missing").status_code == 401
    assert _call("post", weak, {}, note_id="missing").status_code == 404
    assert _call("post", weak, {}).status_code == 403
    refused = _call("post", strong, {})
    assert refused.status_code == 400
    assert refused.data["error"]["param"] == "text"
    assert (
        _call("post", make_key(organization, Role.OWNER, KeyScope.PREDICT), {}).status_code == 403
    )
    assert _call("delete", strong).status_code == 405


def test_an_error_after_a_write_leaves_no_write(organization: OrganizationRef, key: str) -> None:
    assert _call("post", key, {"text": "regret"}).status_code == 409
    assert _notes(organization) == []


def test_the_same_key_replays_the_first_answer(organization: OrganizationRef, key: str) -> None:
    headers = {"Idempotency-Key": "once"}
    first = _call("post", key, {"text": "a"}, headers=headers)
    second = _call("post", key, {"text": "a"}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert _notes(organization) == ["a"]


def test_the_same_key_with_another_body_is_refused(key: str) -> None:
    headers = {"Idempotency-Key": "once"}
    _call("post", key, {"text": "a"}, headers=headers)
    refused = _call("post", key, {"text": "b"}, headers=headers)
    assert refused.status_code == 409
    assert refused.data["error"]["code"] == "idempotency_mismatch"


def test_a_failed_call_may_be_repeated_with_its_key(
    organization: OrganizationRef, key: str
) -> None:
    headers = {"Idempotency-Key": "once"}
    _call("post", key, {"text": "regret"}, headers=headers)
    with tenant_scope(organization):
        assert not IdempotencyRecord.objects.exists()


def test_keys_of_two_organizations_do_not_meet(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    headers = {"Idempotency-Key": "once"}
    for owner in (organization, other_organization):
        _call("post", make_key(owner, Role.DEVELOPER), {"text": owner.slug[:20]}, headers=headers)
        assert _notes(owner) == [owner.slug[:20]]


def test_a_key_is_forgotten_after_a_day(organization: OrganizationRef, key: str) -> None:
    headers = {"Idempotency-Key": "once"}
    _call("post", key, {"text": "a"}, headers=headers)
    with clock.frozen(clock.now() + timedelta(hours=25)):
        _call("post", key, {"text": "b"}, headers=headers)
    assert sorted(_notes(organization)) == ["a", "b"]
    with clock.frozen(clock.now() + timedelta(hours=50)):
        sweep()
    with system_scope("test"):
        assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1e9", "٣", "0" * 8 + "50000"])
def test_a_bad_limit_names_its_bounds(key: str, limit: str) -> None:
    response = _call("get", key, path=f"/notes?limit={limit}")
    assert response.status_code == 400
    assert response.data["error"]["param"] == "limit"


def test_an_overlong_idempotency_key_is_refused(key: str) -> None:
    headers = {"Idempotency-Key": "k" * 256}
    assert _call("post", key, {"text": "a"}, headers=headers).status_code == 400


def test_answers_stay_out_of_caches(organization: OrganizationRef, key: str) -> None:
    for response in (_call("get", key), _call("post", key, {}), _call("get", "nonsense")):
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (IntegrityError("duplicate"), "conflict"),
        (DataError("NUL"), "invalid_request"),
        (OperationalError("gone"), "unavailable"),
        (PoolTimeout("full"), "unavailable"),
        (RedisError("gone"), "unavailable"),
        (TooManyFilesSent("101"), "payload_too_large"),
        (SuspiciousOperation("odd"), "invalid_request"),
        (UnreadablePostError("hung up"), "invalid_request"),
        (KeyError("ours"), "internal_error"),
    ],
)
def test_a_fault_below_becomes_a_clear_answer(fault: Exception, code: str) -> None:
    assert translate(fault).code == code
