"""From a job to a file somebody else verifies, and back: export, verify, reproduce, import."""

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tenants.datasets.samples import sample_csv
from tests.live.machine import Installation
from tests.live.test_tasks import conll
from tests.live.training import HEAD, Customer, lora

WAIT_SECONDS = 240


def made(customer: Customer, model: str, form: str) -> dict[str, Any]:
    """Ask for an export and wait for the worker."""
    address = f"/models/{model}/exports"
    export: dict[str, Any] = customer.call("POST", address, json={"format": form}).json()
    end = time.monotonic() + WAIT_SECONDS
    while export["status"] in {"queued", "running"} and time.monotonic() < end:
        time.sleep(0.5)
        export = customer.get(f"{address}/{export['id']}")
    assert export["status"] == "ready", export
    return export


def test_an_export_is_verified_reproduced_and_imported(
    installation: Installation, tmp_path: Path
) -> None:
    customer = Customer(installation)
    job = customer.ended(customer.submit(customer.dataset(200), suffix="taken", **HEAD))
    model = job["fine_tuned_model"]
    lineage = customer.get(f"/models/{model}")["lineage"]
    assert len(lineage["split_hash"]) == len(lineage["base_sha256"]) == 64

    export = made(customer, model, "onnx_int8")

    quality = export["quality"]
    assert quality["score"] == job["metrics"]["test"][quality["metric"]]
    assert quality["score"] - quality["score_int8"] <= 0.005
    path = tmp_path / "export.zip"
    address = f"/models/{model}/exports/{export['id']}/download"
    path.write_bytes(customer.call("GET", address).content)
    said = json.loads(installation.manage("verify_export", str(path), "--json"))
    assert (said["ok"], said["model"], said["format"]) == (True, model, "onnx_int8")
    again = json.loads(installation.manage("reproduce", str(path), "--json").splitlines()[-1])
    assert again["ok"] is True
    found = again["metrics"]["test.accuracy"]
    assert found["found"] == found["expected"] == job["metrics"]["test"]["accuracy"]


TWICE = lora(2)


def _again(
    installation: Installation, dataset: tuple[str, bytes], body: dict[str, Any], folder: Path
) -> None:
    """Train twice, and once more from what an export's manifest says: always the same."""
    customer = Customer(installation)
    upload = customer.call("POST", "/datasets", files={"file": (*dataset, "text/plain")}).json()
    jobs = [customer.ended(customer.submit(upload["id"], **body), 180) for _ in range(2)]
    customer.assert_once(*(job["id"] for job in jobs))
    first, second = (job["metrics"] for job in jobs)
    assert first == second
    manifest = folder / "anneal-export.json"
    model = jobs[0]["fine_tuned_model"]
    export = made(customer, model, "huggingface")
    address = f"/models/{model}/exports/{export['id']}/download"
    with zipfile.ZipFile(io.BytesIO(customer.call("GET", address).content)) as files:
        manifest.write_bytes(files.read(manifest.name))
    customer.call("DELETE", f"/models/{model}/exports/{export['id']}")
    for job in jobs:
        assert customer.call("DELETE", f"/models/{job['fine_tuned_model']}").is_success

    said = json.loads(installation.manage("reproduce", str(manifest), "--json").splitlines()[-1])

    assert said["ok"] is True
    assert len(said["metrics"]) >= 4
    assert said["metrics"]["test.loss"]["expected"] == first["test"]["loss"]
    for name, pair in said["metrics"].items():
        assert pair["found"] == pytest.approx(pair["expected"], abs=1e-4), name


def test_one_job_twice_and_its_manifest_alone_give_the_same_figures(
    installation: Installation, tmp_path: Path
) -> None:
    _again(installation, ("reviews.csv", sample_csv(160)), TWICE, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("reviews.csv", HEAD),
        ("reviews.csv", TWICE | {"tier": "full"}),
        ("reviews.csv", HEAD | {"cross_validation": {"folds": 3}, "search": {"trials": 4}}),
        ("reviews.csv", TWICE | {"cross_validation": {"folds": 2}, "search": {"trials": 4}}),
        ("travel.conll", HEAD),
        ("travel.conll", TWICE),
        ("grades.csv", HEAD),
        ("grades.csv", TWICE | {"tier": "full"}),
        ("topics.csv", HEAD),
        ("topics.csv", TWICE),
    ],
)
def test_every_kind_of_job_twice_and_its_manifest_alone_give_the_same_figures(
    file: str, body: dict[str, Any], installation: Installation, tmp_path: Path
) -> None:
    grades = "".join(f"the film number {n},{n % 37 / 4}\n" for n in range(120))
    topics = "".join(f"number {n} of them,{('a', 'a|b', 'b|c')[n % 3]}\n" for n in range(120))
    content = {
        "reviews.csv": sample_csv(160),
        "travel.conll": conll(),
        "grades.csv": f"text,label\n{grades}".encode(),
        "topics.csv": f"text,label\n{topics}".encode(),
    }[file]
    _again(installation, (file, content), body, tmp_path)
