"""``/v1/models``: everything an organization may name, and nothing of anybody else's."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from mlworker.engine.precision import BF16, Bf16Gate
from mlworker.registry import sources
from mlworker.registry.contracts import ModelListing
from mlworker.registry.sources import register_model_source
from tests.unit.registry.factories import make_model_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment_source() -> Iterator[None]:
    def source(organization: OrganizationRef) -> Iterable[ModelListing]:
        return [ModelListing("stable", 1, organization.slug, "deployment")]

    register_model_source(source)
    yield
    sources._sources.remove(source)


def _names(client: APIClient) -> dict[str, str]:
    return {model["id"]: model["kind"] for model in client.get("/v1/models").json()["data"]}


@pytest.mark.usefixtures("deployment_source")
def test_the_list_joins_deployments_versions_shipped_models_and_bases(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    names = _names(client_api)
    assert names["stable"] == "deployment"
    assert names[version.name] == "fine_tuned"
    assert names["minilm-l6"] == "base"


def test_another_organizations_versions_are_not_listed(
    client_api: APIClient, other_organization: OrganizationRef
) -> None:
    version = make_model_version(other_organization)
    assert version.name not in _names(client_api)


def test_a_model_object_is_openais_with_ours_beside_it(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    model = client_api.get(f"/v1/models/{version.name}").json()
    assert (model["object"], model["owned_by"]) == ("model", organization.slug)
    assert isinstance(model["created"], int)
    assert model["base"] == "minilm-l6"
    assert model["labels"] == ["negative", "positive"]
    assert model["metrics"]["test"]["accuracy"] == 0.91
    assert model["job_id"].startswith("ftjob-")
    assert model["lineage"]["seed"] == 7
    assert model["continuable"] is False  # tier head begins anew each time
    assert "| test | 10 | 0.9100 | 0.9000 |" in model["card"]


GATE = Bf16Gate(800, "test", "accuracy", 0.91, 0.909, 0.004)


@pytest.mark.parametrize(
    ("gate", "setting", "precision"),
    [
        (GATE, "auto", "bfloat16"),
        (GATE, "bfloat16", "bfloat16"),
        (GATE, "float32", "float32"),
        (replace(GATE, bfloat16=0.9), "auto", "float32"),
    ],
)
def test_a_model_says_in_which_number_format_it_answers_and_what_was_measured(
    gate: Bf16Gate,
    setting: str,
    precision: str,
    client_api: APIClient,
    organization: OrganizationRef,
    settings: Any,
) -> None:
    settings.ANNEAL_SERVE_PRECISION = setting
    version = make_model_version(organization, metrics={BF16: gate.describe()})

    model = client_api.get(f"/v1/models/{version.name}").json()

    assert model["precision"] == precision
    assert model["bf16_gate"] == {"passed": gate.passed, **gate.describe()}


def test_a_model_that_was_not_measured_answers_in_float32(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    model = client_api.get(f"/v1/models/{version.name}").json()
    assert (model["precision"], model["bf16_gate"]) == ("float32", None)


def test_a_base_says_whether_it_is_present(client_api: APIClient) -> None:
    model = client_api.get("/v1/models/minilm-l6").json()
    assert model["present"] is True
    assert model["licence"] == "Apache-2.0"


def test_the_list_takes_the_same_queries_whatever_its_length(
    client_api: APIClient,
    organization: OrganizationRef,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        make_model_version(organization, suffix=f"n{number}")
    with django_assert_max_num_queries(10):
        client_api.get("/v1/models")
