"""Importing over HTTP: a folder becomes a version that is served, deployed, counted; or a 400."""

import contextlib
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError
from pytest_django import Settings
from rest_framework.test import APIClient

from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import tenant_key
from mlworker.catalog.selectors import SHIPPED
from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import locate_base
from mlworker.engine.export import export_merged
from mlworker.engine.importing.files import Upload
from mlworker.engine.inference import Resident, TokenRow
from mlworker.registry.artifacts import artifact_fetch
from mlworker.registry.imports.services import model_import
from mlworker.registry.models import ModelVersion
from mlworker.registry.selectors import model_version_resolve
from tenants.datasets.selectors import files_bytes
from tests.unit.factories import error_of, make_client

pytestmark = pytest.mark.django_db

IMPORT = "/v1/models/import"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hf") / "model"
    artifact = load_artifact(SHIPPED / "sentiment-en")
    return export_merged(artifact, locate_base("minilm-l6"), folder)


def _send(client: APIClient, *files: tuple[str, bytes], **fields: str) -> Any:
    uploads = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(IMPORT, {"files": uploads, **fields}, format="multipart")


def _zipped(folder: Path, out: Path) -> bytes:
    with zipfile.ZipFile(out, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return out.read_bytes()


def test_an_imported_model_is_a_version_like_any_other(
    exported: Path, organization: OrganizationRef, client_api: APIClient, tmp_path: Path
) -> None:
    response = _send(
        client_api, ("model.zip", _zipped(exported, tmp_path / "m.zip")), suffix="brought"
    )

    assert response.status_code == 201, response.content
    model = response.json()
    assert model["id"].startswith(f"ft:minilm-l6:{organization.slug}:brought:")
    assert (model["origin"], model["tier"]) == ("import", "full")
    assert model["labels"] == ["negative", "positive"]
    assert "job_id" not in model
    assert set(model["lineage"]["imported"]) >= {"config.json", "model.safetensors"}
    # A training that goes on from it has to take up the word vectors too.
    assert model["lineage"]["config"] == {"frozen_layers": 0, "embeddings": "trained"}
    assert "trained elsewhere" in model["card"]
    with tenant_scope(organization):
        assert AuditEvent.objects.filter(action="model_version.import").count() == 1
        row = ModelVersion.objects.get(name=model["id"])
        assert files_bytes(organization=organization) == row.artifact_bytes > 80_000_000
        servable = model_version_resolve(organization=organization, name=model["id"])
    assert _answers(servable.artifact_key, servable.artifact_sha256) == _shipped_answers()
    deployed = client_api.post(
        "/v1/deployments", {"name": "live", "model": model["id"]}, format="json"
    )
    assert deployed.status_code == 201
    int8 = client_api.post(
        f"/v1/models/{model['id']}/exports", {"format": "onnx_int8"}, format="json"
    )
    assert error_of(int8)["code"] == "export_impossible"


def _answers(key: str, sha256: str) -> list[list[float]]:
    directory = settings.ANNEAL_HOME / "artifacts"
    return _forward(artifact_fetch(key=key, sha256=sha256, directory=directory))


def _shipped_answers() -> list[list[float]]:
    return _forward(SHIPPED / "sentiment-en")


def _forward(folder: Path) -> list[list[float]]:
    resident = Resident.open(locate_base("minilm-l6"), slots=1)
    resident.load(0, load_artifact(folder))
    encoded = resident.tokenizer.encode(["Wonderful!", "A dull, lifeless film."], 64)
    rows = resident.forward([TokenRow(item.ids, 0) for item in encoded])
    return [[round(value, 4) for value in row] for row in rows]


def _small(**config: object) -> list[tuple[str, bytes]]:
    """A folder that is refused for its config, before its weights are looked at."""
    base = locate_base("minilm-l6").directory
    body = json.loads((base / "config.json").read_text()) | config
    return [
        ("config.json", json.dumps(body).encode()),
        ("tokenizer.json", (base / "tokenizer.json").read_bytes()),
        ("model.safetensors", b"\0" * 16),
    ]


def test_the_refused_key_is_named_and_nothing_is_kept(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    response = _send(client_api, *_small(auto_map={"AutoModel": "evil.Model"}))

    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (400, "import_refused", "files")
    assert "'auto_map'" in error["message"]
    with tenant_scope(organization):
        assert ModelVersion.objects.count() == 0
    assert list((settings.ANNEAL_HOME / "work" / "imports").iterdir()) == []


def test_a_pickle_among_the_files_is_named(client_api: APIClient) -> None:
    response = _send(client_api, *_small(), ("training_args.bin", b"\x80\x04}\x94."))
    assert error_of(response)["code"] == "import_refused"
    assert "training_args.bin" in error_of(response)["message"]


def test_weights_that_no_base_here_can_have_are_refused(
    client_api: APIClient, tmp_path: Path
) -> None:
    config, tokenizer, _ = _small()
    whole = b"\0" * (3 * (locate_base("minilm-l6").directory / "model.safetensors").stat().st_size)
    chance = random.Random(0).randbytes(len(whole) // 60)
    with zipfile.ZipFile(tmp_path / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (config, tokenizer, ("model.safetensors", chance + whole)):
            archive.writestr(name, data)
    response = _send(client_api, ("m.zip", (tmp_path / "m.zip").read_bytes()))
    assert (response.status_code, error_of(response)["code"]) == (400, "import_refused")
    assert "model.safetensors is larger than" in error_of(response)["message"]


def test_what_the_plan_has_no_room_for_is_refused_before_it_is_read(
    client_api: APIClient, settings: Settings
) -> None:
    settings.ANNEAL_DEFAULT_LIMITS = {"storage_gb": 0}
    response = _send(client_api, *_small())
    assert (response.status_code, error_of(response)["code"]) == (402, "plan_limit_reached")


def test_importing_needs_files_a_good_suffix_and_the_right(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    assert client_api.post(IMPORT, {}, format="multipart").status_code == 400
    assert error_of(_send(client_api, *_small(), suffix="a b"))["param"] == "suffix"
    viewer = make_client(organization, Role.VIEWER, KeyScope.TRAIN)
    assert _send(viewer, *_small()).status_code == 403


def test_an_import_that_the_database_refuses_leaves_no_object(
    exported: Path, organization: OrganizationRef
) -> None:
    place = tenant_key(organization, "imports", "x").rsplit("/", 1)[0]
    uploads = [Upload(path.name, path.open("rb")) for path in exported.iterdir()]

    for suffix in ("kept", "a\0b"):
        with contextlib.suppress(DataError), tenant_scope(organization):
            model_import(
                organization=organization, actor=SYSTEM_ACTOR, uploads=uploads, suffix=suffix
            )
    for upload in uploads:
        upload.source.close()

    with tenant_scope(organization):
        (version,) = ModelVersion.objects.all()
    assert default_storage.listdir(place)[1] == [version.artifact_key.rsplit("/", 1)[1]]
