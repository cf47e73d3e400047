"""Two models of one task, and a deployment of the first."""

import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from mlworker.serving.worker import line
from tests.unit.registry.factories import make_model_version
from tests.unit.serving.factories import create


@pytest.fixture(autouse=True)
def engines_see_at_once_that_they_are_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "BLOCK_SECONDS", 0.05)


@pytest.fixture
def first(organization: OrganizationRef) -> str:
    return make_model_version(organization, suffix="first").name


@pytest.fixture
def second(organization: OrganizationRef) -> str:
    return make_model_version(organization, suffix="second").name


@pytest.fixture
def deployment(client_api: APIClient, first: str) -> str:
    return str(create(client_api, model=first).json()["id"])
