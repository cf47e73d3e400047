"""The ASGI border before Django: odd content types, WebSockets, bodies over the limit."""

import asyncio
import json
from typing import Any

import pytest
from django.test import Client

from anneal.body_limit import limit_bodies
from anneal.border import guard
from anneal.kernel.api.handling import handle


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 with the number of bytes read, or end at a hang-up."""
    read, message = 0, await receive()
    while message["type"] == "http.request":
        read += len(message["body"])
        if not message["more_body"]:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(read).encode()})
            return
        message = await receive()


def _told(
    application: Any, *chunks: bytes, kind: str = "http", **headers: bytes
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    asyncio.run(application({"type": kind, "headers": named}, receive, send))
    return sent


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json; charset*=utf-8''%00",
        b"application/json; charset*=bogus''%ff",
        b"multipart/form-data; boundary*=utf-8''B",
        b"text/\xff",
        b"text/plain; charset=\x00",
    ],
)
def test_a_content_type_that_python_cannot_read_is_refused(kind: bytes) -> None:
    start, body = _told(guard(echo), b"{}", content_type=kind)

    assert start["status"] == 415
    assert json.loads(body["body"])["error"]["code"] == "unsupported_media_type"


def test_a_usual_content_type_passes() -> None:
    kind = b'multipart/form-data; boundary="a=b?c"; charset=utf-8'
    assert _told(guard(echo), b"{}", content_type=kind)[0]["status"] == 200


@pytest.mark.parametrize(("given", "kept"), [(b"job-7/42", True), (b"a b", False), (b"", False)])
def test_every_answer_of_django_says_the_calls_id(given: bytes, kept: bool) -> None:
    start, _ = _told(guard(echo), b"{}", x_request_id=given)
    refused, _ = _told(guard(echo), b"{}", x_request_id=given, content_type=b"text/\xff")

    for message in (start, refused):
        [told] = [value for name, value in message["headers"] if name == b"x-request-id"]
        assert (told == given) is kept
        assert kept or told.startswith(b"req_")


def test_a_fault_is_logged_with_the_calls_id(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty(scope: Any, receive: Any, send: Any) -> None:
        answer = handle(ZeroDivisionError(), {})
        await send({"type": "http.response.start", "status": answer.status_code, "headers": []})

    [start] = _told(guard(faulty), b"{}", x_request_id=b"job-8")

    assert start["status"] == 500
    assert "request.failed: job-8" in caplog.text


def test_a_websocket_is_closed() -> None:
    assert _told(guard(echo), kind="websocket") == [{"type": "websocket.close", "code": 1008}]


def test_a_body_over_the_limit_is_refused_by_its_declared_length() -> None:
    start, body = _told(limit_bodies(echo, 10), b"x" * 11, content_length=b"11")

    assert start["status"] == 413
    assert json.loads(body["body"])["error"]["code"] == "payload_too_large"
    assert _told(limit_bodies(echo, 10), b"x" * 10, content_length=b"10")[1]["body"] == b"10"


def test_a_body_that_grows_past_the_limit_is_hung_up_on() -> None:
    assert _told(limit_bodies(echo, 10), b"x" * 6, b"x" * 6) == []
    assert _told(limit_bodies(echo, 10), b"x" * 5, b"x" * 5)[1]["body"] == b"10"


def test_a_cookie_with_a_nul_is_the_callers_fault(db: None) -> None:
    client = Client(raise_request_exception=False)
    for path in ("/", "/v1/me", "/admin/", "/_allauth/browser/v1/auth/session"):
        answer = client.get(path, headers={"cookie": 'anneal_session="\\000aaaaaaaaaa"'})
        assert answer.status_code == 400, path
        assert answer.json()["error"]["code"] == "invalid_request"
