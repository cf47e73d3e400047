"""Exports: asked for, made by a worker's child, signed, downloaded, verified; and every refusal."""

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id, uuid7
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_delete, object_exists, object_put, tenant_key
from mlworker.catalog.selectors import SHIPPED
from mlworker.engine.artifact_manifest import pack, read_manifest
from mlworker.registry.contracts import (
    ExportState,
    ModelVersionInfo,
    NewModelVersion,
)
from mlworker.registry.exports.contracts import EXPORT_PREFIX, MAX_ATTEMPTS
from mlworker.registry.exports.manifest import (
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    ExportInvalid,
    export_seal,
    export_verify,
    export_zip,
)
from mlworker.registry.exports.reaping import exports_reap
from mlworker.registry.exports.working import export_make
from mlworker.registry.models import ModelExport
from mlworker.registry.services import model_version_register
from tests.unit.factories import error_of, make_client
from tests.unit.registry.factories import LINEAGE, make_model_version

pytestmark = pytest.mark.django_db


def make_real_version(owner: OrganizationRef) -> ModelVersionInfo:
    """Register a model that can really be run: the shipped one's weights."""
    folder = SHIPPED / "sentiment-en"
    manifest = read_manifest(folder)
    stored = object_put(tenant_key(owner, "jobs", uuid7().hex, "model.tar"), pack(folder))
    with tenant_scope(owner):
        return model_version_register(
            organization=owner,
            version=NewModelVersion(
                base=manifest.base_id,
                tier=manifest.tier,
                task=manifest.task,
                labels=manifest.labels,
                suffix="reviews",
                job_id=uuid7(),
                dataset_version_id=uuid7(),
                max_length=manifest.max_length,
                metrics=manifest.metrics,
                artifact_key=stored.key,
                artifact_sha256=stored.sha256,
                artifact_bytes=stored.size,
            ),
            lineage=LINEAGE,
        )


def _ask(client: APIClient, model: str, form: str = "huggingface") -> dict[str, Any]:
    response = client.post(f"/v1/models/{model}/exports", {"format": form}, format="json")
    assert response.status_code in (200, 202), response.content
    made: dict[str, Any] = response.json()
    return made


def _uuid(export: dict[str, Any]) -> UUID:
    return parse_id(EXPORT_PREFIX, export["id"])


def test_an_export_is_made_signed_and_downloaded(
    client_api: APIClient, organization: OrganizationRef, tmp_path: Path
) -> None:
    version = make_real_version(organization)
    asked = _ask(client_api, version.name, "adapter")
    assert (asked["status"], asked["progress"]) == ("queued", 0.0)
    with system_scope("test"):
        message = OutboxMessage.objects.get(task="registry.export")
    assert message.payload["export_id"] == str(_uuid(asked))
    address = f"/v1/models/{version.name}/exports/{asked['id']}"
    early = client_api.get(f"{address}/download")
    assert (early.status_code, error_of(early)["code"]) == (409, "export_not_ready")

    assert export_make(organization=organization, export_id=_uuid(asked))

    ready = client_api.get(address).json()
    assert (ready["status"], ready["progress"], ready["error"]) == ("ready", 1.0, None), ready
    download = client_api.get(f"{address}/download")
    assert download["Content-Type"] == "application/zip"
    assert "attachment" in download["Content-Disposition"]
    data = b"".join(download)
    assert len(data) == ready["bytes"]
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    found = export_verify(path)
    assert found.manifest["model"] == version.name
    assert found.manifest["lineage"]["dataset_hash"] == LINEAGE.dataset_hash
    names = set(found.manifest["files"])
    assert {"adapter_model.safetensors", "README.md", "SHA256SUMS"} <= names
    with zipfile.ZipFile(path) as files:
        config = json.loads(files.read("adapter_config.json"))
    assert config["base_model_name_or_path"] == "sentence-transformers/all-MiniLM-L6-v2"
    # Asked again, the same one is there.
    assert _ask(client_api, version.name, "adapter")["id"] == asked["id"]
    assert export_make(organization=organization, export_id=_uuid(asked)) is False


def test_deleting_a_version_takes_its_exports_along(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    asked = _ask(client_api, version.name)
    stored = object_put(tenant_key(organization, "exports", "x.zip"), b"zip")
    with tenant_scope(organization):
        ModelExport.objects.filter(id=_uuid(asked)).update(state=ExportState.READY, key=stored.key)

    assert client_api.delete(f"/v1/models/{version.name}").status_code == 200

    with system_scope("test"):
        keys = OutboxMessage.objects.filter(task="registry.artifact_delete")
        assert stored.key in [message.payload["key"] for message in keys]
    assert object_exists(stored.key)  # until the message is worked off


def test_an_export_is_deleted_with_its_file_and_audited(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    asked = _ask(client_api, version.name)
    address = f"/v1/models/{version.name}/exports/{asked['id']}"

    assert client_api.delete(address).json()["deleted"] is True

    assert client_api.get(address).status_code == 404
    with tenant_scope(organization):
        actions = list(AuditEvent.objects.values_list("action", flat=True))
    assert {"model_export.create", "model_export.delete"} <= set(actions)


def test_a_running_export_holds_itself_and_its_version(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    asked = _ask(client_api, version.name)
    with tenant_scope(organization):
        ModelExport.objects.update(state=ExportState.RUNNING)

    for address in (f"/{asked['id']}", ""):
        path = f"/v1/models/{version.name}" + (f"/exports{address}" if address else "")
        response = client_api.delete(path)
        assert (response.status_code, error_of(response)["code"]) == (409, "export_running")


@pytest.mark.parametrize(
    ("form", "code"),
    [("adapter", "export_impossible"), ("pickle", "invalid_request")],
)
def test_forms_the_model_has_not_are_refused(
    client_api: APIClient, organization: OrganizationRef, form: str, code: str
) -> None:
    version = make_model_version(organization)  # tier head
    response = client_api.post(
        f"/v1/models/{version.name}/exports", {"format": form}, format="json"
    )
    assert (response.status_code, error_of(response)["code"]) == (400, code)
    assert error_of(response)["param"] == "format"


def test_exporting_needs_the_right_to_train(organization: OrganizationRef) -> None:
    version = make_model_version(organization)
    client = make_client(organization, Role.VIEWER, KeyScope.TRAIN)
    response = client.post(
        f"/v1/models/{version.name}/exports", {"format": "huggingface"}, format="json"
    )
    assert response.status_code == 403


def test_what_cannot_be_made_fails_with_a_reason_and_can_be_asked_for_again(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)  # its bytes are no model
    asked = _ask(client_api, version.name)

    export_make(organization=organization, export_id=_uuid(asked))

    address = f"/v1/models/{version.name}/exports/{asked['id']}"
    failed = client_api.get(address).json()
    assert (failed["status"], failed["error"]["code"]) == ("failed", "artifact_corrupt")
    assert _ask(client_api, version.name)["status"] == "queued"


@pytest.mark.parametrize("lost", [True, False])
def test_bytes_that_are_gone_or_changed_end_the_export(
    client_api: APIClient, organization: OrganizationRef, lost: bool
) -> None:
    version = make_model_version(organization)
    asked = _ask(client_api, version.name)
    if lost:
        object_delete(version.artifact_key)
    else:
        object_put(version.artifact_key, b"something else")

    export_make(organization=organization, export_id=_uuid(asked))

    export = client_api.get(f"/v1/models/{version.name}/exports/{asked['id']}").json()
    assert (export["status"], export["error"]["code"]) == ("failed", "artifact_corrupt")


def test_lost_rings_and_lost_workers_are_rung_again_three_times(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    asked = _ask(client_api, version.name)
    assert exports_reap() == 0
    with tenant_scope(organization):
        ModelExport.objects.update(
            state=ExportState.RUNNING, lease_until=Now(), attempt=MAX_ATTEMPTS
        )
    assert exports_reap() == 1

    assert export_make(organization=organization, export_id=_uuid(asked)) is False

    export = client_api.get(f"/v1/models/{version.name}/exports/{asked['id']}").json()
    assert (export["status"], export["error"]["code"]) == ("failed", "worker_lost")


def test_another_organizations_export_is_not_made(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    version = make_model_version(other_organization)
    asked = _ask(make_client(other_organization), version.name)
    assert export_make(organization=organization, export_id=_uuid(asked)) is False


def test_the_list_takes_the_same_queries_whatever_its_length(
    client_api: APIClient,
    organization: OrganizationRef,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    version = make_model_version(organization)
    for form in ("huggingface", "onnx", "container"):
        _ask(client_api, version.name, form)
    with django_assert_max_num_queries(9):
        found = client_api.get(f"/v1/models/{version.name}/exports").json()["data"]
    assert [export["format"] for export in found] == ["container", "onnx", "huggingface"]


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "sealed"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "weights").write_bytes(b"w" * 100)
    (folder / "README.md").write_text("card")
    export_seal(folder, {"model": "ft:x", "format": "onnx"})
    return folder


def _zipped(folder: Path) -> Path:
    path = folder.parent / "sealed.zip"
    with path.open("wb") as out:
        export_zip(folder, out)
    return path


def test_openssl_and_sha256sum_verify_what_we_sign(sealed: Path) -> None:
    checked = subprocess.run(
        [
            *("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", PUBLIC_KEY, "-rawin"),
            *("-in", MANIFEST, "-sigfile", SIGNATURE),
        ],
        cwd=sealed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Signature Verified Successfully" in checked.stdout, checked.stderr
    summed = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=sealed, check=False)
    assert summed.returncode == 0


def test_the_published_key_is_the_one_that_signs(sealed: Path) -> None:
    response = APIClient().get("/v1/export_key")
    assert response.status_code == 200
    assert response.content == (sealed / PUBLIC_KEY).read_bytes()


def test_zip_and_folder_verify_and_the_command_says_so(sealed: Path) -> None:
    for path in (sealed, _zipped(sealed)):
        out = io.StringIO()
        call_command("verify_export", str(path), "--json", stdout=out)
        assert json.loads(out.getvalue())["ok"] is True
    assert _zipped(sealed).read_bytes() == _zipped(sealed).read_bytes()


def _change_file(folder: Path) -> None:
    (folder / "model" / "weights").write_bytes(b"x" * 100)


def _add_file(folder: Path) -> None:
    (folder / "evil.py").write_text("boom")


def _remove_file(folder: Path) -> None:
    (folder / "README.md").unlink()


def _edit_manifest(folder: Path) -> None:
    text = (folder / MANIFEST).read_text().replace("ft:x", "ft:y")
    (folder / MANIFEST).write_text(text)


def _sign_with_another_key(folder: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / SIGNATURE).write_bytes(key.sign((folder / MANIFEST).read_bytes()))
    (folder / PUBLIC_KEY).write_bytes(public)


@pytest.mark.parametrize(
    "change",
    [_change_file, _add_file, _remove_file, _edit_manifest, _sign_with_another_key],
)
def test_whatever_is_changed_is_found(sealed: Path, change: Any) -> None:
    change(sealed)
    for path in (sealed, _zipped(sealed)):
        with pytest.raises(ExportInvalid):
            export_verify(path)
        with pytest.raises(CommandError):
            call_command("verify_export", str(path))


def test_an_old_key_verifies_while_it_is_a_fallback(sealed: Path, settings: Settings) -> None:
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another secret key of this installation, long enough"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ExportInvalid, match="--key"):
        export_verify(sealed)
    pem = (sealed / PUBLIC_KEY).read_bytes()
    assert export_verify(sealed, pem).manifest["model"] == "ft:x"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert export_verify(sealed).manifest["model"] == "ft:x"


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_export", str(path))
    with pytest.raises(CommandError, match="does not exist"):
        call_command("verify_export", str(tmp_path / "none"))
