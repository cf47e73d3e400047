"""What is not exported: forms a version cannot have, what does not fit, what went meanwhile."""

import re
import shutil
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_exists, tenant_key
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.tasks import TASKS
from mlworker.registry.contracts import ExportFormat
from mlworker.registry.errors import ModelNotFound
from mlworker.registry.exports import child
from mlworker.registry.exports.child import export_run
from mlworker.registry.exports.contracts import EXPORT_PREFIX, MAX_ATTEMPTS
from mlworker.registry.exports.services import export_create
from mlworker.registry.exports.working import export_make
from mlworker.registry.models import ModelExport, ModelVersion
from mlworker.registry.services import model_version_delete
from tests.unit.factories import error_of
from tests.unit.jobs.test_jail import gone
from tests.unit.registry.factories import make_model_version
from tests.unit.registry.test_exports import make_real_version

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


def test_a_child_that_fails_says_when_and_tells_customers_nothing_of_this_machine(
    tmp_path: Path,
) -> None:
    with pytest.raises(EngineError) as ended:  # there is no spec.json
        export_run(tmp_path, lambda share, phase: None)
    assert ended.value.code == ErrorCode.CRASHED
    assert "Traceback" in (tmp_path / "stderr").read_text()
    wanted = "The export failed while reading what to make: FileNotFoundError."
    assert ended.value.message == wanted


CHILD = """
import os, subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print('{{"type": "progress", "share": 0.5, "phase": "' + str(other.pid) + '"}}', flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("os.kill(os.getpid(), 9)", "ended by SIGKILL (signal 9), as the system does when memory"),
        ("os.kill(os.getpid(), 11)", "ended by SIGSEGV (signal 11)"),
        ("time.sleep(60)", "took longer than"),
        ("sys.exit(3)", "ended with status 3"),
    ],
)
def test_all_that_a_child_started_ends_with_it_and_how_it_ended_is_told(
    end: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "child.py").write_text(CHILD.format(end=end))
    monkeypatch.setattr(child, "PROGRAM", (str(tmp_path / "child.py"),))
    # far above what a child needs to start on a busy machine, but where the limit is what is shown
    monkeypatch.setattr(child, "SECONDS", 4.0 if "sleep" in end else 60.0)
    started: list[int] = []
    with pytest.raises(EngineError, match=re.escape(told)):
        export_run(tmp_path, lambda share, phase: started.append(int(phase)))
    assert gone(started[0])


def test_a_failed_attempt_is_told_and_rung_again_at_once(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_real_version(organization)
    address = f"/v1/models/{version.name}/exports"
    asked = client_api.post(address, {"format": "adapter"}, format="json").json()
    identity = parse_id(EXPORT_PREFIX, asked["id"])
    # A folder where the worker's files have to go: no attempt can begin.
    root = django_settings.ANNEAL_HOME / "work" / "exports"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    root.write_text("in the way")
    try:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            assert export_make(organization=organization, export_id=identity)
            with system_scope("test"):
                assert OutboxMessage.objects.filter(task="registry.export").count() == min(
                    attempt + 1, MAX_ATTEMPTS
                )
            export = client_api.get(f"{address}/{asked['id']}").json()
            assert export["error"]["code"] == "crashed"
    finally:
        root.unlink()
    assert export["status"] == "failed"


def test_a_file_larger_than_the_room_that_is_left_is_not_kept(
    client_api: APIClient, organization: OrganizationRef, settings: Settings
) -> None:
    version = make_real_version(organization)
    address = f"/v1/models/{version.name}/exports"
    asked = client_api.post(address, {"format": "adapter"}, format="json").json()
    # Meanwhile other files took nearly all of it.
    settings.ANNEAL_DEFAULT_LIMITS = {"storage_gb": 0.0001}

    export_make(organization=organization, export_id=parse_id(EXPORT_PREFIX, asked["id"]))

    export = client_api.get(f"{address}/{asked['id']}").json()
    assert (export["status"], export["error"]["code"]) == ("failed", "plan_limit_reached")
    assert export["bytes"] == 0
    key = tenant_key(organization, "exports", f"{asked['id'].removeprefix(EXPORT_PREFIX)}-1.zip")
    assert not object_exists(key)


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
