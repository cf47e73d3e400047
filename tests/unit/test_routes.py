"""Every route, taken from the URLconf: a stranger's id is 404, and no caller is 401.

A new route with an id needs a line in FOREIGN; without one this file fails.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from anneal.kernel.api import TenantView
from anneal.kernel.scopes import OrganizationRef
from tests.unit import foreign
from tests.unit.factories import error_of

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")

FOREIGN: dict[str, Callable[[OrganizationRef], str]] = {
    "dataset_id": foreign.dataset_id,
    "file_id": foreign.file_id,
    "version_id": foreign.version_id,
    "job_id": foreign.job_id,
    "model": foreign.model_name,
    "deployment_id": foreign.deployment_id,
    "key_id": foreign.key_id,
    "user_id": foreign.user_id,
    "invitation_id": foreign.invitation_id,
}


def _routes(
    patterns: list[URLPattern | URLResolver] | None = None, prefix: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, path)
        elif path.startswith("v1/"):
            yield path, pattern


def _view_class(pattern: URLPattern) -> type[Any] | None:
    return getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)


def _tenant_calls() -> list[tuple[str, str]]:
    return [
        (path, method)
        for path, pattern in _routes()
        for view in [_view_class(pattern)]
        if view is not None and issubclass(view, TenantView)
        for method in METHODS
        if hasattr(view, method)
    ]


CALLS = _tenant_calls()
WITH_ID = [(path, method) for path, method in CALLS if "<" in path]


def _names(path: str) -> list[str]:
    return [part.split(">")[0].split(":")[-1] for part in path.split("<")[1:]]


def _filled(path: str, owner: OrganizationRef) -> str:
    made = path
    for part in path.split("<")[1:]:
        token = part.split(">")[0]
        made = made.replace(f"<{token}>", FOREIGN[token.split(":")[-1]](owner))
    return f"/{made}"


def test_every_id_of_every_route_has_a_foreign_case() -> None:
    assert len(WITH_ID) > 15
    assert {name for path, _ in WITH_ID for name in _names(path)} == set(FOREIGN)


@pytest.mark.parametrize(("path", "method"), WITH_ID)
def test_a_foreign_id_is_not_found(
    path: str, method: str, client_api: APIClient, other_organization: OrganizationRef
) -> None:
    address = _filled(path, other_organization)
    response = getattr(client_api, method)(address, {}, format="json")
    assert response.status_code == 404, response.content
    assert error_of(response)["code"] == "not_found"


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_without_credentials_every_route_is_closed(
    path: str, method: str, other_organization: OrganizationRef
) -> None:
    address = _filled(path, other_organization)
    response = getattr(APIClient(), method)(address, {}, format="json")
    assert response.status_code == 401, response.content
    assert error_of(response)["code"] == "authentication_failed"
    assert response.headers["WWW-Authenticate"] == "Bearer"
