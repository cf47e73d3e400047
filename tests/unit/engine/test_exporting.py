"""Exports as their process makes them, opened by stock libraries in a process of their own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mlworker.engine.artifact import Artifact, save_artifact
from mlworker.engine.artifact_manifest import FullEntry
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import BaseReference
from mlworker.engine.exporting.contracts import ARTIFACT, OUT, ROWS, ExportFormat, ExportSpec
from mlworker.engine.inference import Resident, TokenRow
from tests.unit.engine.conftest import sentences
from tests.unit.engine.test_artifact import make_artifact

ROOT = Path(__file__).resolve().parents[3]
STOCK = Path(__file__).with_name("stock.py")
TEXTS = [row["text"] for row in sentences(7)] + ["", "你好 — émigré", "word " * 200]


def _export(
    artifact: Artifact,
    base: BaseDirectory,
    form: ExportFormat,
    folder: Path,
    rows: list[dict[str, str]] | None = None,
) -> list[dict[str, object]]:
    """Run an export as the worker does; return what its process said."""
    folder.mkdir()
    save_artifact(folder / ARTIFACT, artifact.manifest, artifact.tensors)
    reference = BaseReference(base.id, str(base.directory), base.weights_sha256)
    ExportSpec(format=form, name="ft:tiny", base=reference).write(folder)
    if rows is not None:
        (folder / ROWS).write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = subprocess.run(
        [sys.executable, "-m", "mlworker.engine.exporting.run", "--run-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert messages[-1]["type"] in {"done", "error"}, done.stderr[-2000:]
    return messages


def _stock(folder: Path, *arguments: str) -> torch.Tensor:
    done = subprocess.run(
        [sys.executable, "-I", str(STOCK), str(folder), *arguments],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return torch.tensor(json.loads(done.stdout))


def _ours(base: BaseDirectory, artifact: Artifact, texts: list[str] = TEXTS) -> torch.Tensor:
    resident = Resident.open(base, slots=1)
    resident.load(0, artifact)
    encoded = resident.tokenizer.encode(texts, artifact.manifest.max_length)
    return torch.tensor(resident.forward([TokenRow(item.ids, 0) for item in encoded]))


@pytest.mark.parametrize("tier", ["head", "lora", "full"])
@pytest.mark.parametrize("form", [ExportFormat.HUGGINGFACE, ExportFormat.ONNX])
def test_each_tier_answers_the_same_in_stock_libraries(
    form: ExportFormat, tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    artifact = make_artifact(tiny, tier)

    _export(artifact, tiny, form, tmp_path / "run")

    torch.testing.assert_close(
        _stock(tmp_path / "run" / OUT), _ours(tiny, artifact), atol=2e-5, rtol=1e-4
    )


def test_an_adapter_answers_the_same_in_stock_peft(tiny: BaseDirectory, tmp_path: Path) -> None:
    artifact = make_artifact(tiny, "lora")

    _export(artifact, tiny, ExportFormat.ADAPTER, tmp_path / "run")

    found = _stock(tmp_path / "run" / OUT, str(tiny.directory), "3")
    torch.testing.assert_close(found, _ours(tiny, artifact), atol=2e-5, rtol=1e-4)


def _own_rows(base: BaseDirectory, artifact: Artifact, count: int) -> list[dict[str, str]]:
    """Rows whose label is what the model says in float32: whatever 8 bits change is a loss."""
    texts = [row["text"] for row in sentences(count, seed=3)]
    best = _ours(base, artifact, texts).argmax(dim=1).tolist()
    labels = artifact.manifest.labels
    return [
        {"text": text, "label": labels[index], "split": "test"}
        for text, index in zip(texts, best, strict=True)
    ]


def test_int8_is_offered_with_what_it_costs(tiny: BaseDirectory, tmp_path: Path) -> None:
    artifact = make_artifact(tiny, "full")
    rows = _own_rows(tiny, artifact, 60)
    sure = [row for row, p in zip(rows, _margins(tiny, artifact, rows), strict=True) if p > 0.3]
    assert len(sure) > 20

    *_, done = _export(artifact, tiny, ExportFormat.ONNX_INT8, tmp_path / "run", sure)

    assert done["type"] == "done"
    quality = done["quality"]
    assert quality["rows"] == len(sure)
    assert (quality["split"], quality["accuracy"], quality["agreement"]) == ("test", 1.0, 1.0)
    out = tmp_path / "run" / OUT
    assert (out / "model.onnx").stat().st_size < (tmp_path / "run" / "model.onnx").stat().st_size
    torch.testing.assert_close(_stock(out), _ours(tiny, artifact), atol=0.25, rtol=0)


def _margins(base: BaseDirectory, artifact: Artifact, rows: list[dict[str, str]]) -> list[float]:
    best = _ours(base, artifact, [row["text"] for row in rows]).topk(2, dim=1).values
    return (best[:, 0] - best[:, 1]).tolist()


def test_int8_that_answers_worse_is_refused_with_the_figures(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    made = make_artifact(tiny, "full", full=FullEntry(0, embeddings=True))
    # One huge embedding that no text uses: on its scale, 8 bits leave nothing of all others.
    tensors = dict(made.tensors)
    tensors["full.words.weight"] = tensors["full.words.weight"].clone()
    tensors["full.words.weight"][5] = 1_000.0
    texts = [row["text"] for row in sentences(60, seed=3)]
    shares = _ours(tiny, Artifact(made.manifest, tensors), texts).log()
    # All labels are said about as often.
    tensors["head.bias"] = tensors["head.bias"] - shares.mean(dim=0)
    artifact = Artifact(made.manifest, tensors)
    rows = _own_rows(tiny, artifact, 60)
    assert len({row["label"] for row in rows}) > 1

    *_, error = _export(artifact, tiny, ExportFormat.ONNX_INT8, tmp_path / "run", rows)

    assert (error["type"], error["code"]) == ("error", "int8_inaccurate")
    assert "of 60 test rows" in error["message"]
    assert "as onnx instead" in error["message"]


def test_the_container_serves_without_our_house(tiny: BaseDirectory, tmp_path: Path) -> None:
    artifact = make_artifact(tiny, "lora")
    _export(artifact, tiny, ExportFormat.CONTAINER, tmp_path / "run")
    context = shutil.copytree(tmp_path / "run" / OUT, tmp_path / "elsewhere")
    assert "COPY server.py" in (context / "Dockerfile").read_text()
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-I", str(context / "server.py")],
        env={"PORT": str(port), "HOST": "127.0.0.1", "THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        assert _wait(f"{url}/healthz")
        body = _post(f"{url}/v1/classify", {"input": TEXTS})
        refused = _status(f"{url}/v1/classify", b'{"input": 3}')
    finally:
        server.kill()
        server.communicate()

    found = torch.tensor([[row["scores"][label] for label in "abc"] for row in body["data"]])
    torch.testing.assert_close(found, _ours(tiny, artifact), atol=2e-5, rtol=1e-4)
    assert refused == 400


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    return False


def _post(url: str, body: dict[str, object]) -> dict[str, list[dict[str, dict[str, float]]]]:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _status(url: str, body: bytes) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_a_model_of_another_base_is_not_exported(tiny: BaseDirectory, tmp_path: Path) -> None:
    made = make_artifact(tiny, "lora")
    strange = Artifact(replace(made.manifest, base_sha256="0" * 64), made.tensors)

    *_, error = _export(strange, tiny, ExportFormat.HUGGINGFACE, tmp_path / "run")

    assert error["code"] == "artifact_corrupt"
