"""From a request to its answer: key, idempotency, description, route, effect."""

import re
import traceback
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from tests.stripe_fake import checks, openapi, resources
from tests.stripe_fake.account import API_VERSION, Account, snapshot
from tests.stripe_fake.errors import (
    InvalidParameter,
    InvalidRequest,
    NotServed,
    StripeError,
    Unauthenticated,
    UnknownUrl,
)
from tests.stripe_fake.expanding import expanded
from tests.stripe_fake.faults import Fault, Rule, refusal_of
from tests.stripe_fake.forms import Params, decoded
from tests.stripe_fake.idempotency import Answer, Keys
from tests.stripe_fake.routing import Call, Route, route_of

__all__ = ["Reply", "Request", "Service", "resources"]
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")


@dataclass(frozen=True)
class Request:
    """What came over the wire."""

    method: str
    target: str
    """Path and query."""
    headers: dict[str, str] = field(default_factory=dict)
    """By name in lower case."""
    body: str = ""


@dataclass(frozen=True)
class Reply:
    """What goes back; with `cut` the connection ends instead."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    saved: bool = True
    """Whether an idempotency key keeps it."""
    cut: bool = False
    seconds: float = 0
    """How long it is on its way; its idempotency key is in use for as long."""
    key: str | None = None


class Service:
    """Answers requests for one account, one after the other."""

    def __init__(self, account: Account, *, api_key: str, checks_answers: bool = True) -> None:
        self.account = account
        self.api_key = api_key
        self.checks_answers = checks_answers
        self.keys = Keys(account.clock)
        self.lock = RLock()
        self.broken: list[str] = []
        """Where the fake failed, or what it said is not as Stripe describes it."""
        account.listeners.append(self._event_checked)

    def answer(self, request: Request, rule: Rule | None = None) -> Reply:
        """Answer a request, or let it meet a fault."""
        if rule and rule.fault is Fault.CUT_BEFORE:
            return Reply(0, {}, cut=True)
        with self.lock:
            self.account.clock.catch_up()
            request_id = self.account.new_id("req", 14)
            try:
                return self._keyed(request, request_id, rule)
            except StripeError as refusal:
                return _refused(refusal, request_id)
            except Exception:  # noqa: BLE001 - the test that asked must fail, not hang
                self.broken.append(traceback.format_exc())
                return _refused(NotServed(traceback.format_exc()), request_id)

    def sent(self, reply: Reply) -> None:
        """A slow reply arrived: its key is in use no more."""
        if reply.key and reply.seconds and reply.saved:
            with self.lock:
                self.keys.keep(reply.key, _kept(reply))

    def _keyed(self, request: Request, request_id: str, rule: Rule | None) -> Reply:
        self._authenticated(request)
        version = _version(request)
        path, _, query = request.target.partition("?")
        params = decoded(request.body if request.method == "POST" else query)
        # Stripe keeps no answer to GET and DELETE: they may be repeated as they are.
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        call = Call(request_id, request.method, path, Params(params), key)
        kept = self.keys.begin(key, path, params) if key else None
        if kept:
            return _again(kept, request_id, version)
        reply = self._met(call, version, rule)
        if key and not reply.saved:
            self.keys.forget(key)
        elif key and not reply.seconds:
            self.keys.keep(key, _kept(reply))
        return reply

    def _met(self, call: Call, version: str, rule: Rule | None) -> Reply:
        """The reply, with what a fault makes of it."""
        if rule is None:
            return self._performed(call, version)
        refusal = refusal_of(rule.fault)
        if rule.fault is Fault.ERROR_AFTER or refusal is None:
            reply = self._performed(call, version)
        if refusal:
            return _refused(refusal, call.id)
        cut, seconds = rule.fault is Fault.CUT_AFTER, rule.seconds
        return replace(reply, cut=cut, seconds=seconds, key=call.idempotency_key)

    def _performed(self, call: Call, version: str) -> Reply:
        headers = {"request-id": call.id, "stripe-version": version}
        if call.idempotency_key:
            headers["idempotency-key"] = call.idempotency_key
        try:
            return Reply(200, self._run(call), headers)
        except StripeError as refusal:
            return _refused(refusal, call.id, headers)

    def _run(self, call: Call) -> dict[str, Any]:
        route, ids = _route(call)
        _checked(route, call.params.values)
        self.account.call = call = replace(call, ids=ids)
        try:
            answer = route.handler(self.account, call)
            body: dict[str, Any] = expanded(self.account, answer, call.params.texts("expand") or [])
        finally:
            self.account.call = None
        if self.checks_answers:
            faults = openapi.faults_of_answer(route.method, route.template, body)
            self.broken += [f"{route.method} {route.template}: {each}" for each in faults]
        return body

    def _event_checked(self, event: dict[str, Any]) -> None:
        if self.checks_answers:
            faults = openapi.faults_of_object(event["data"]["object"])
            self.broken += [f"{event['type']}: {each}" for each in faults]

    def _authenticated(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            raise Unauthenticated(
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth."
            )
        if given != self.api_key:
            raise Unauthenticated(f"Invalid API Key provided: {given[:8]}****{given[-4:]}")


def _route(call: Call) -> tuple[Route, dict[str, str]]:
    found = route_of(call.method, call.path)
    if found:
        return found
    if openapi.known_path(call.method, call.path) or call.path.startswith("/v2/"):
        raise NotServed(
            f"The fake does not serve {call.method} {call.path}: add it to "
            "tests/stripe_fake/resources."
        )
    raise UnknownUrl(
        f"Unrecognized request URL ({call.method}: {call.path}). Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/."
    )


def _checked(route: Route, values: dict[str, Any]) -> None:
    described = openapi.operation(route.method, route.template)
    if described:
        checks.check(described, values)
    for name in values.keys() - route.takes:
        if described:
            raise NotServed(
                f"The fake does not serve the parameter {name} of {route.method} "
                f"{route.template}: add it there, with what it does."
            )
        raise InvalidParameter(
            f"Received unknown parameter: {name}", code="parameter_unknown", param=name
        )


def _version(request: Request) -> str:
    version = request.headers.get("stripe-version", API_VERSION)
    if not VERSION.fullmatch(version):
        raise InvalidRequest(f"Invalid Stripe API version: {version}", status=400)
    return version


def _refused(refusal: StripeError, request_id: str, headers: dict[str, str] | None = None) -> Reply:
    headers = {"request-id": request_id, **(headers or {})}
    if isinstance(refusal, NotServed):
        headers["stripe-should-retry"] = "false"
    return Reply(refusal.status, snapshot(refusal.body()), headers, saved=refusal.saved)


def _kept(reply: Reply) -> Answer:
    return Answer(reply.status, reply.body, reply.headers["request-id"])


def _again(kept: Answer, request_id: str, version: str) -> Reply:
    headers = {
        "request-id": request_id,
        "stripe-version": version,
        "idempotent-replayed": "true",
        "original-request": kept.request_id,
    }
    return Reply(kept.status, kept.body, headers)
