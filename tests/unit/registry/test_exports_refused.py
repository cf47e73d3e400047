"""What is not exported: forms a version cannot have, what does not fit, what went meanwhile."""

from pathlib import Path

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.tasks import TASKS
from mlworker.registry.contracts import ExportFormat
from mlworker.registry.errors import ModelNotFound
from mlworker.registry.exports.child import export_run
from mlworker.registry.exports.services import export_create
from mlworker.registry.models import ModelExport, ModelVersion
from mlworker.registry.services import model_version_delete
from tests.unit.factories import error_of
from tests.unit.registry.factories import make_model_version

pytestmark = pytest.mark.django_db


def test_an_adapter_of_another_layout_is_refused_when_it_is_asked_for(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    with tenant_scope(organization):
        ModelVersion.objects.update(tier="lora", base="distilbert-base-uncased")
    address = f"/v1/models/{version.name}/exports"
    response = client_api.post(address, {"format": "adapter"}, format="json")
    assert (response.status_code, error_of(response)["code"]) == (400, "export_impossible")
    assert "huggingface" in error_of(response)["message"]


def test_an_export_has_to_fit_with_the_base_it_holds(
    client_api: APIClient, organization: OrganizationRef, settings: Settings
) -> None:
    version = make_model_version(organization)
    with tenant_scope(organization):
        ModelVersion.objects.update(tier="lora")
    settings.ANNEAL_DEFAULT_LIMITS = {"storage_gb": 0.05}
    address = f"/v1/models/{version.name}/exports"
    refused = client_api.post(address, {"format": "huggingface"}, format="json")
    assert refused.status_code >= 400
    assert "storage" in error_of(refused)["message"]
    assert client_api.post(address, {"format": "adapter"}, format="json").status_code == 202


def test_an_export_of_a_version_that_went_meanwhile_is_not_left_behind(
    organization: OrganizationRef,
) -> None:
    made = make_model_version(organization)
    with tenant_scope(organization):
        row = ModelVersion.objects.get(id=made.id)
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=made.name)
        with pytest.raises(ModelNotFound):
            export_create(
                organization=organization, actor=SYSTEM_ACTOR, version=row, form=ExportFormat.ONNX
            )
        assert not ModelExport.objects.exists()


def test_a_child_that_dies_tells_customers_nothing_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as ended:  # there is no spec.json: it dies with a traceback
        export_run(tmp_path, lambda share, phase: None)
    assert ended.value.code == ErrorCode.CRASHED
    assert "Traceback" in (tmp_path / "stderr").read_text()
    assert ended.value.message == "The export ended with status 1."


@pytest.mark.parametrize("task", sorted(TASKS))
def test_models_of_every_task_have_every_form_their_tier_has(
    task: str, client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    with tenant_scope(organization):
        ModelVersion.objects.update(task=task, tier="lora")
    address = f"/v1/models/{version.name}/exports"
    assert _told(client_api, version.name) == [form.value for form in ExportFormat]
    for form in ExportFormat:
        asked = client_api.post(address, {"format": form.value}, format="json")
        assert asked.status_code == 202, asked.content
    with tenant_scope(organization):
        ModelVersion.objects.update(tier="full")
    refused = client_api.post(address, {"format": "adapter"}, format="json")
    assert error_of(refused)["code"] == "export_impossible"
    assert "'full' has no adapter" in error_of(refused)["message"]


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"tier": "head"}, {"adapter"}),
        ({"tier": "lora"}, set()),
        ({"tier": "lora", "base": "distilbert-base-uncased"}, {"adapter"}),
        ({"tier": "full", "dataset_version_id": None}, {"adapter", "onnx_int8"}),
    ],
)
def test_a_model_tells_the_forms_that_are_not_refused(
    changed: dict[str, object],
    missing: set[str],
    client_api: APIClient,
    organization: OrganizationRef,
) -> None:
    version = make_model_version(organization)
    with tenant_scope(organization):
        ModelVersion.objects.update(**changed)
    told = set(_told(client_api, version.name))
    assert {form.value for form in ExportFormat} - told == missing
    for form in ExportFormat:
        asked = client_api.post(
            f"/v1/models/{version.name}/exports", {"format": form.value}, format="json"
        )
        assert (asked.status_code == 202) == (form.value in told)


def _told(client: APIClient, name: str) -> list[str]:
    formats: list[str] = client.get(f"/v1/models/{name}").json()["export_formats"]
    return formats
