"""Every route against everything in hostile.py: a clear refusal in the one shape, never a 5xx.

What a route's own code reads, each route gets: fields of every kind, queries, ids, and forms where
it takes files. What is refused before that (broken JSON, forms and types) is shared out: each route
gets a part, and all of it reaches many routes. With --slow each route gets everything.
"""

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef
from tests.unit import hostile
from tests.unit.accounts.helpers import ALLAUTH, Browser
from tests.unit.factories import make_key
from tests.unit.routes import METHODS, filled, made, replaced, routes, view_class

pytestmark = pytest.mark.django_db

PATHS = sorted({path for path, _ in routes()})
WRITES = sorted(
    {
        (path, method.upper())
        for path, pattern in routes()
        for method in METHODS
        if method in ("post", "put", "patch") and hasattr(view_class(pattern), method)
    }
)
READS = {path for path, pattern in routes() if hasattr(view_class(pattern), "get")}
BODILESS = ("/sample", "/cancel", "/pause", "/resume", "/session_keys", "/rollback")
"""Routes that read no body: a sample of the bodies will do."""
ACCOUNT_PATHS = sorted(
    {
        f"{ALLAUTH}/{end}"
        for end in (
            "config", "account/password/change", "account/email", "account/phone", "auth/session",
            "auth/reauthenticate", "auth/password/request", "auth/password/reset", "auth/login",
            "auth/signup", "auth/email/verify", "auth/email/verify/resend", "auth/phone/verify",
            "auth/phone/verify/resend", "auth/code/confirm", "auth/sessions",
        )
    }
)  # fmt: skip
UPLOADS = ("v1/files", "v1/datasets")
SHARE = 4
"""The part of what no route's own code sees: one in so many."""
FULL = pytest.param(True, marks=pytest.mark.slow, id="everything")
PARTS = [pytest.param(False, id="a part"), FULL]
ELSEWHERE = "203.0.113.77"
"""The address these calls come from, so that they use up nobody else's limits."""


class Caller:
    """Calls with a good key and notes every answer that breaks the rule."""

    def __init__(self, owner: OrganizationRef) -> None:
        self.client = Client(raise_request_exception=False, REMOTE_ADDR=ELSEWHERE)
        self.key = {"Authorization": f"Bearer {make_key(owner, Role.OWNER)}"}
        self.faults: list[tuple[Any, ...]] = []

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = hostile.JSON,
        headers: dict[str, str] | None = None,
        query: str = "",
    ) -> None:
        answer = self.client.generic(
            method,
            path,
            body,
            content_type=kind,
            headers=self.key | (headers or {}),
            QUERY_STRING=query,
        )
        if answer.streaming and not answer.is_async:
            b"".join(answer)  # which closes the file behind it
        if answer.status_code >= 500 or (
            answer.status_code >= 400 and method != "HEAD" and not _in_shape(answer)
        ):
            told = (answer.status_code, method, path[:80], kind, body[:60], headers, query[:60])
            self.faults.append(told)


def _in_shape(answer: Any) -> bool:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return False
    return set(error) == {"message", "type", "param", "code"} and bool(
        error["message"] and error["code"]
    )


def shared(values: tuple[Any, ...], place: int, full: bool) -> tuple[Any, ...]:
    """Return the part of the values that belongs to a place in the list of routes."""
    return values if full else values[place % SHARE :: SHARE]


@pytest.mark.parametrize("full", PARTS)
@pytest.mark.parametrize(("path", "method"), WRITES)
def test_a_body_of_any_kind(
    path: str, method: str, full: bool, organization: OrganizationRef
) -> None:
    caller = Caller(organization)
    address = filled(path, made(path, organization))
    place = WRITES.index((path, method))
    strange = shared(hostile.STRANGE_BODIES, place, full or path in UPLOADS)
    bodies = (*hostile.FIELD_BODIES, *strange)
    for kind, body in bodies[::8] if path.endswith(BODILESS) else bodies:
        caller.call(method, address, body, kind)
    for body in (b'{"a":1}', hostile.nested(63)):
        caller.call(method, address, body, headers={"Idempotency-Key": "k"})
    assert caller.faults == []


@pytest.mark.parametrize("full", PARTS)
@pytest.mark.parametrize("path", PATHS)
def test_a_query_a_verb_and_an_id_of_any_kind(
    path: str, full: bool, organization: OrganizationRef
) -> None:
    caller = Caller(organization)
    address = filled(path, made(path, organization))
    # Where nothing reads, the refusal of the verb is the same whatever is asked.
    for query in hostile.QUERIES if path in READS else hostile.QUERIES[:2]:
        caller.call("GET", address, query=query)
    for method in hostile.METHODS:
        caller.call(method, address)
    for method in ("GET", "POST"):
        caller.call(method, f"{address}/")
    ids = hostile.IDS if "<" in path else ()
    some = shared(ids, PATHS.index(path), full)
    for method, texts in (("GET", ids), ("POST", some), ("DELETE", some)):
        for text in texts:
            caller.call(method, replaced(path, text))
    assert caller.faults == []


@pytest.mark.parametrize(
    "path", ["/v1/organization", "/v1/me", "/v1/datasets", "/v1/usage", "/v1/nothing"]
)
def test_a_header_of_any_kind(path: str, organization: OrganizationRef) -> None:
    caller = Caller(organization)
    for headers in hostile.HEADERS:
        caller.call("GET", path, headers=headers)
        caller.call("POST", path, b"{}", headers=headers)
    assert caller.faults == []


def test_the_accounts_paths_are_those_of_the_urlconf() -> None:
    """A new version of allauth with a new address fails here, and is then looked at."""
    found = {
        f"/{path}"
        for path in _paths(get_resolver().url_patterns)
        if path.startswith(ALLAUTH.strip("/")) and "<" not in path
    }
    assert found == set(ACCOUNT_PATHS)


def _paths(patterns: list[Any], prefix: str = "") -> list[str]:
    found = []
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        inner = getattr(pattern, "url_patterns", None)
        found += [path] if inner is None else _paths(inner, path)
    return found


@pytest.mark.parametrize("path", ACCOUNT_PATHS)
def test_the_account_doors_bear_anything(path: str, db: None) -> None:
    browser = Browser()
    browser.client.raise_request_exception = False
    token = {"x-csrftoken": browser.client.cookies["csrftoken"].value}
    words = ("email", "password", "key", "name", "sessions")
    texts = (b'"\\ud800"', b'"\\u0000"', b"1", b"[]", b"null", b'"a@b.co"', b"9" * 5_000)
    bodies = [
        (hostile.JSON, b"{" + b",".join(b'"%s":%s' % (w.encode(), t) for w in words) + b"}")
        for t in texts
    ]
    surrogate = b'{"email":"a@example.com","password":"\\ud800abcdefgh"}'
    bodies += [(hostile.JSON, surrogate), *((hostile.JSON, b) for b in hostile.JSON_BODIES[:19])]
    bodies += [(kind, b"x") for kind in hostile.TYPES]

    some = shared(tuple(bodies), ACCOUNT_PATHS.index(path), full=False)
    answers = [
        browser.client.generic(
            method, path, body, content_type=kind, headers=token, REMOTE_ADDR=ELSEWHERE
        )
        for method, given in (("POST", bodies), ("PUT", some), ("DELETE", some))
        for kind, body in given
    ]

    assert {answer.status_code for answer in answers if answer.status_code >= 500} == set()


def test_a_mistyped_address_is_told_so_and_not_about_a_token(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    for path in ("/v1/datasetz", "/v1/datasets/", "/v1/classifyy"):
        answer = client.post(path, b"{}", content_type=hostile.JSON)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
