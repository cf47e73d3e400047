"""A second file validates: its rows may not be those that the report is measured on."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from tests.unit.factories import error_of
from tests.unit.jobs.factories import create, token_balance

pytestmark = pytest.mark.django_db

PATHS = ("/v1/fine_tuning/jobs/estimate", "/v1/fine_tuning/jobs")


def _upload(client: APIClient, numbers: range, label: str = "dog") -> str:
    """A dataset of these numbered texts."""
    lines = "".join(f"text number {n},{('cat', label)[n % 2]}\n" for n in numbers)
    file = SimpleUploadedFile("rows.csv", f"text,label\n{lines}".encode())
    made: str = client.post("/v1/datasets", {"file": file}, format="multipart").json()["id"]
    return made


def _body(training: str, validation: str) -> dict[str, Any]:
    return {
        "model": "minilm-l6",
        "training_file": training,
        "validation_file": validation,
        "tier": "head",
    }


@pytest.mark.parametrize("again", [False, True])
def test_a_file_does_not_validate_itself(
    again: bool, client_api: APIClient, organization: OrganizationRef
) -> None:
    training = _upload(client_api, range(60))
    validation = _upload(client_api, range(60)) if again else training

    for path in PATHS:
        refused = client_api.post(path, _body(training, validation), format="json")
        error = error_of(refused)
        assert (refused.status_code, error["code"]) == (400, "training_data_unfit")
        assert error["param"] == "validation_file"
    assert client_api.get("/v1/fine_tuning/jobs").json()["data"] == []
    assert token_balance(organization).held == 0


def test_rows_that_both_files_have_are_told_before_and_after(client_api: APIClient) -> None:
    training, validation = _upload(client_api, range(60)), _upload(client_api, range(48, 88))
    estimate, job = (
        client_api.post(path, _body(training, validation), format="json").json() for path in PATHS
    )
    assert estimate["warnings"] == job["warnings"]
    (told,) = job["warnings"]
    assert (told["code"], told["data"]) == ("validation_overlaps", {"rows": 12, "total": 40})
    assert "12 of the 40 validation rows" in told["message"]


def test_rows_apart_give_no_warning(client_api: APIClient) -> None:
    training, validation = _upload(client_api, range(60)), _upload(client_api, range(60, 100))
    made = create(client_api, **_body(training, validation))
    assert (made.status_code, made.json()["warnings"]) == (200, [])
