"""The gateway as a server sees it, its stores away: it starts, routes, refuses and recovers."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from anneal.kernel.errors import (
    AuthenticationFailed,
    DomainError,
    IdempotencyMismatch,
    InvalidRequest,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    Unavailable,
)
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.serving import figures
from mlworker.serving.errors import DeploymentPaused, ModelNotFound, Overloaded, TooManyItems
from mlworker.serving.gateway import asking
from mlworker.serving.gateway import runtime as module
from mlworker.serving.gateway.app import create_gateway
from mlworker.serving.gateway.keys import Caller
from mlworker.serving.gateway.models import Choice, Target
from mlworker.serving.listening import AnsweredCall
from mlworker.serving.openapi import PATHS, SCHEMAS, add_gateway_paths
from mlworker.serving.protocol import ModelSpec
from tenants.keys.format import key_generate
from tests.unit.serving.test_shadows import choice

ACME = OrganizationRef(uuid7(), "acme")
Answer = tuple[int, dict[str, str], Any]
Call = Callable[..., Coroutine[Any, Any, Answer]]


async def django(scope: Any, receive: Any, send: Any) -> None:
    """Stand where Django stands."""
    await send({"type": "http.response.start", "status": 218, "headers": []})
    await send({"type": "http.response.body", "body": b'"django"'})


@pytest.fixture
def stores_away(settings: Any) -> None:
    settings.DATABASE_URL = "postgresql://nobody@/none?host=/nowhere"
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"


def played(story: Callable[[Call], Coroutine[Any, Any, None]]) -> None:
    """Run a story against a started gateway, and stop it after."""

    async def play() -> None:
        app = create_gateway(django)
        inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        life = asyncio.create_task(app({"type": "lifespan"}, inbox.get, outbox.put))
        await inbox.put({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"

        async def call(method: str, path: str, *body: bytes, **headers: str) -> Answer:
            chunks = [
                {"type": "http.request", "body": part, "more_body": index < len(body) - 1}
                for index, part in enumerate(body or (b"",))
            ]
            sent: list[dict[str, Any]] = []
            scope = {
                "type": "http",
                "method": method,
                "path": path,
                "headers": [
                    (name.replace("_", "-").encode(), value.encode())
                    for name, value in headers.items()
                ],
                "client": ("127.0.0.1", 1),
            }

            async def receive() -> dict[str, Any]:
                return chunks.pop(0) if chunks else {"type": "http.disconnect"}

            async def send(message: dict[str, Any]) -> None:
                sent.append(message)

            await app(scope, receive, send)
            told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
            return sent[0]["status"], told, json.loads(sent[1]["body"])

        await story(call)
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await life

    asyncio.run(asyncio.wait_for(play(), 20))


def bearer() -> str:
    return f"Bearer {key_generate('live').text}"


@pytest.mark.usefixtures("stores_away")
def test_it_starts_and_lives_without_its_stores_and_says_when_to_come_back() -> None:
    async def story(call: Call) -> None:
        assert (await call("GET", "/livez"))[0] == 200
        body = b'{"model":"m","input":"x"}'
        status, headers, answer = await call("POST", "/v1/classify", body, authorization=bearer())
        assert (status, answer["error"]["code"]) == (503, "unavailable")
        assert int(headers["retry-after"]) >= 1
        assert headers["x-request-id"].startswith("req_")
        status, headers, answer = await call("POST", "/v1/trial/classify", body)
        assert (status, answer["error"]["code"]) == (503, "unavailable")

    played(story)


class Stuck:
    """A listener whose last write never returns."""

    def __init__(self, order: list[str]) -> None:
        self._order = order

    def answered(self, _: AnsweredCall) -> None: ...

    async def run_forever(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self._order.append("log")
        await asyncio.Event().wait()


@pytest.mark.usefixtures("stores_away")
def test_it_stops_though_a_log_cannot_be_written_and_gives_limits_back_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(module, "listeners_new", lambda: [Stuck(order)])

    async def play() -> None:
        runtime = module.Runtime()
        await runtime.ensure_started()

        async def gives_back() -> None:
            order.append("limits")

        monkeypatch.setattr(runtime.pace, "close", gives_back)
        stopping = asyncio.create_task(runtime.stop())
        done, _ = await asyncio.wait({stopping}, timeout=5)
        stopping.cancel()
        assert done
        assert order == ["limits", "log"]

    asyncio.run(play())


@pytest.mark.usefixtures("stores_away")
def test_what_is_not_online_goes_to_django() -> None:
    async def story(call: Call) -> None:
        for path in ("/", "/v1/models", "/v1/classify/", "/v1/classifyx", "/hf/model", "/livez/"):
            assert (await call("POST", path))[0] == 218, path

    played(story)


@pytest.mark.usefixtures("stores_away")
def test_bad_credentials_are_refused_without_a_database() -> None:
    async def story(call: Call) -> None:
        for given in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {bearer()}"}):
            status, headers, answer = await call("POST", "/v1/classify", b"{}", **given)
            assert (status, answer["error"]["code"]) == (401, "authentication_failed")
            assert headers["www-authenticate"] == "Bearer"
        status, headers, _ = await call("GET", "/v1/classify")
        assert (status, headers["allow"]) == (405, "POST")
        status, _, answer = await call("POST", "/hf/models/m", b"{}")
        assert (status, answer["code"], type(answer["error"])) == (
            401,
            "authentication_failed",
            str,
        )

    played(story)


@pytest.mark.usefixtures("stores_away")
def test_a_calls_own_id_comes_back_if_it_looks_like_one_and_refusals_are_counted() -> None:
    async def story(call: Call) -> None:
        for given, kept in (
            ("job-7/42", True),
            ("0af7651916cd43dd8448eb211c80319c", True),
            ("x" * 128, True),
            ("x" * 129, False),
            ("a b", False),
            ("a\tb", False),
            ("-a", False),
            ("ü", False),
            ("", False),
        ):
            _, headers, _ = await call("POST", "/v1/embeddings", b"{}", x_request_id=given)
            assert (headers["x-request-id"] == given) is kept, given
            assert kept or headers["x-request-id"].startswith("req_")

    figures.REQUESTS.take()
    figures.REFUSALS.take()
    played(story)

    assert list(figures.REQUESTS.take().values()) == [9]
    [(field, count)] = figures.REFUSALS.take().items()
    assert field.split("\x1f")[2:] == ["embeddings", "authentication_failed"]
    assert count == 9


@pytest.mark.usefixtures("stores_away")
@pytest.mark.parametrize(
    ("path", "more", "task", "refused"),
    [
        ("/v1/classify", {}, "text_classification", True),
        ("/v1/classify", {"top_k": 3}, "text_classification", False),
        ("/v1/classify", {}, "token_classification", False),
        ("/hf/models/m", {}, "text_classification", True),
        ("/hf/models/m", {"parameters": {"top_k": 3}}, "text_classification", False),
    ],
)
def test_an_answer_that_is_too_large_to_be_kept_is_asked_for_without_a_key(
    monkeypatch: pytest.MonkeyPatch, path: str, more: dict[str, Any], task: str, refused: bool
) -> None:
    labels = tuple(f"label {number}" for number in range(500))
    target = Target("m", None, choice("m", labels=labels, task=task), None, 0)
    caller = Caller("d", ACME, uuid7(), True, False, None, uuid7(), ())

    async def found(*_: Any) -> Any:
        return target

    async def known(*_: Any) -> Any:
        return caller

    monkeypatch.setattr(asking, "ENGINE_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(module.ModelDirectory, "target", found)
    monkeypatch.setattr(module.KeyDirectory, "caller", known)
    texts = ["fine"] * 201
    body = json.dumps({"inputs": texts} if "hf" in path else {"model": "m", "input": texts})
    sent = json.dumps({**json.loads(body), **more}).encode()

    async def story(call: Call) -> None:
        with_key, _, told = await call("POST", path, sent, idempotency_key="k")
        without, _, _ = await call("POST", path, sent)
        assert (with_key, without) == (400 if refused else 503, 503), told
        assert ("100,000 scores" in json.dumps(told)) is refused

    played(story)


def test_the_openapi_file_gets_the_online_paths() -> None:
    result = add_gateway_paths({"paths": {"/v1/models": {}}}, None, None, False)

    assert set(result["paths"]) == {"/v1/models", *PATHS}
    assert set(SCHEMAS) <= set(result["components"]["schemas"])
    references = [
        part.split('"')[0] for part in json.dumps(result).split("#/components/schemas/")[1:]
    ]
    assert set(references) <= set(SCHEMAS)


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/embeddings", "/hf/models/{model}"])
def test_the_openapi_file_tells_every_refusal_that_a_call_can_meet(path: str) -> None:
    met: list[type[DomainError]] = [
        InvalidRequest, AuthenticationFailed, QuotaExhausted, PermissionDenied, ModelNotFound,
        DeploymentPaused, IdempotencyMismatch, TooManyItems, RateLimited, Overloaded, Unavailable,
    ]  # fmt: skip

    assert {str(error.status) for error in met} == set(PATHS[path]["post"]["responses"]) - {"200"}


def test_a_canary_gets_about_its_share_and_a_call_keeps_its_side() -> None:
    spec = ModelSpec("v", "head", "k", "s", 2)
    main, canary = Choice(None, spec), Choice(None, spec)  # type: ignore[arg-type] # not looked at
    target = Target("d", None, main, canary, 20)
    ids = [number.to_bytes(4) + bytes(12) for number in range(0, 2**32, 2**22)]

    chosen = [target.choose(each) for each in ids]

    assert 0.15 < sum(each is canary for each in chosen) / len(ids) < 0.25
    assert chosen == [target.choose(each) for each in ids]
    assert all(Target("d", None, main, None, 0).choose(each) is main for each in ids)
