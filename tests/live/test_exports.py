"""From a job to a file somebody else verifies, and back: export, verify, reproduce, import."""

import json
import time
from pathlib import Path
from typing import Any

from tests.live.machine import Installation
from tests.live.training import HEAD, Customer

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
