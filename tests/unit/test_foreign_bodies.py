"""An id in a request's body: a stranger's is answered exactly like one that nobody has."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef
from tests.unit import foreign
from tests.unit.factories import error_of

pytestmark = pytest.mark.django_db

Maker = Callable[[OrganizationRef], str]

JOB = {"model": "minilm-l6", "tier": "head"}
BODIES: list[tuple[str, str, str, Maker, str]] = [
    ("/v1/fine_tuning/jobs", "training_file", "ds_", foreign.dataset_id, "not_found"),
    ("/v1/fine_tuning/jobs", "training_file", "file-", foreign.file_id, "not_found"),
    ("/v1/fine_tuning/jobs", "training_file", "dsv_", foreign.version_id, "not_found"),
    ("/v1/fine_tuning/jobs", "validation_file", "ds_", foreign.dataset_id, "not_found"),
    ("/v1/fine_tuning/jobs", "model", "", foreign.model_name, "base_model_not_found"),
    ("/v1/fine_tuning/jobs/estimate", "training_file", "ds_", foreign.dataset_id, "not_found"),
    (
        "/v1/fine_tuning/jobs",
        "continue_from",
        "",
        foreign.model_name,
        "continue_from_not_found",
    ),
    (
        "/v1/fine_tuning/jobs/estimate",
        "continue_from",
        "",
        foreign.model_name,
        "continue_from_not_found",
    ),
    (
        "/v1/fine_tuning/jobs",
        "outcome_contract",
        "oc_",
        foreign.outcome_contract_id,
        "not_found",
    ),
    ("/v1/batches", "input_file_id", "file-", foreign.file_id, "not_found"),
    ("/v1/batches", "model", "", foreign.model_name, "model_not_found"),
    ("/v1/batches/estimate", "input_file_id", "file-", foreign.file_id, "not_found"),
    ("/v1/batches/estimate", "model", "", foreign.model_name, "model_not_found"),
    ("/v1/deployments", "model", "", foreign.model_name, "model_not_found"),
    ("/v1/deployments/{own}/promote", "model", "", foreign.model_name, "model_not_found"),
    ("/v1/billing/budgets", "subject", "key_", foreign.key_id, "limit_invalid"),
    ("/v1/billing/budgets", "subject", "usr_", foreign.user_id, "limit_invalid"),
]


def _body(path: str, field: str, value: str, mine: str) -> dict[str, Any]:
    if "jobs" in path:
        return {**JOB, "training_file": mine, field: value}
    if "batches" in path:
        return {"input_file_id": mine, "endpoint": "/v1/classify", field: value}
    if "budgets" in path:
        return {"unit": "prediction", "window": "month", "amount": 10, field: value}
    return {"name": "mine", field: value} if path == "/v1/deployments" else {field: value}


@pytest.mark.parametrize(("path", "field", "prefix", "maker", "code"), BODIES)
def test_a_foreign_id_in_a_body_is_nobodys(
    path: str,
    field: str,
    prefix: str,
    maker: Maker,
    code: str,
    client_api: APIClient,
    organization: OrganizationRef,
    other_organization: OrganizationRef,
) -> None:
    theirs = maker(other_organization)
    nobodys = public_id(prefix, uuid4()) if prefix else f"nobodys-{uuid4().hex[:6]}"
    batches = "batches" in path
    mine = foreign.file_id(organization) if batches else foreign.dataset_id(organization)
    address = path.format(own=foreign.deployment_id(organization) if "{own}" in path else "")

    def answer(value: str) -> tuple[int, dict[str, Any]]:
        response = client_api.post(address, _body(path, field, value, mine), format="json")
        error = error_of(response)
        error.pop("request_id", None)
        return response.status_code, {
            name: text.replace(value, "ID") if isinstance(text, str) else text
            for name, text in error.items()
        }

    assert answer(theirs) == answer(nobodys)
    assert answer(theirs)[1]["code"] == code
