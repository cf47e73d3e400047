"""Every route, taken from the URLconf: a stranger's id is 404, and no caller is 401.

A new route with an id needs a line in MAKERS (routes.py); without one this file fails.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.unit.factories import error_of, make_organization
from tests.unit.routes import MAKERS, filled, names, tenant_calls
from tests.unit.worlds import world

pytestmark = pytest.mark.django_db

CALLS = tenant_calls()
WITH_ID = [(path, method) for path, method in CALLS if "<" in path]


@pytest.fixture(scope="module")
def ids(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """An id of each name; each of another organization, since some objects keep others away."""
    with world(django_db_blocker):
        yield {name: maker(make_organization("rival")) for name, maker in MAKERS.items()}


def test_every_id_of_every_route_has_a_foreign_case() -> None:
    assert len(WITH_ID) > 15
    assert {name for path, _ in WITH_ID for name in names(path)} == set(MAKERS)


@pytest.mark.parametrize(("path", "method"), WITH_ID)
def test_a_foreign_id_is_not_found(
    path: str, method: str, ids: dict[str, str], client_api: APIClient
) -> None:
    address = filled(path, ids)
    response = getattr(client_api, method)(address, {}, format="json")
    assert response.status_code == 404, response.content
    assert error_of(response)["code"] == "not_found"


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_without_credentials_every_route_is_closed(
    path: str, method: str, ids: dict[str, str]
) -> None:
    address = filled(path, ids)
    response = getattr(APIClient(), method)(address, {}, format="json")
    assert response.status_code == 401, response.content
    assert error_of(response)["code"] == "authentication_failed"
    assert response.headers["WWW-Authenticate"] == "Bearer"
