"""Exports as their process makes them: what it says, refuses and leaves; the container served."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import torch

from mlworker.engine.artifact import Artifact
from mlworker.engine.artifact_manifest import FullEntry
from mlworker.engine.base.locate import BaseDirectory, base_at
from mlworker.engine.export import export_merged
from mlworker.engine.exporting.contracts import OUT, ExportFormat
from tests.unit.engine.conftest import sentences
from tests.unit.engine.exports import TEXTS, export, ours, prepare
from tests.unit.engine.test_artifact import make_artifact

ROOT = Path(__file__).resolve().parents[3]


def test_the_process_says_how_far_it_is_and_then_its_last_word(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    prepare(make_artifact(tiny, "lora"), tiny, ExportFormat.ADAPTER, tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-m", "mlworker.engine.exporting.run", "--run-dir", tmp_path / "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *progress, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [message["phase"] for message in progress] == ["loading", "converting"]
    assert last == {"type": "done", "quality": None}
    assert (tmp_path / "run" / OUT / "adapter_model.safetensors").is_file()


def _own_rows(base: BaseDirectory, artifact: Artifact, count: int) -> list[dict[str, str]]:
    """Rows whose label is what the model says in float32: whatever 8 bits change is a loss."""
    texts = [row["text"] for row in sentences(count, seed=3)]
    best = torch.tensor(ours(base, artifact, texts)).argmax(dim=1).tolist()
    labels = artifact.manifest.labels
    return [
        {"text": text, "label": labels[index], "split": "test"}
        for text, index in zip(texts, best, strict=True)
    ]


def test_int8_that_answers_worse_is_refused_with_the_figures(
    thin: BaseDirectory, tmp_path: Path
) -> None:
    made = make_artifact(thin, "full", full=FullEntry(0, embeddings=True))
    # One huge embedding that no text uses: on its scale, 8 bits leave nothing of all others.
    tensors = dict(made.tensors)
    tensors["full.words.weight"] = tensors["full.words.weight"].clone()
    tensors["full.words.weight"][5] = 1_000.0
    texts = [row["text"] for row in sentences(60, seed=3)]
    shares = torch.tensor(ours(thin, Artifact(made.manifest, tensors), texts)).log()
    # All labels are said about as often.
    tensors["head.bias"] = tensors["head.bias"] - shares.mean(dim=0)
    artifact = Artifact(made.manifest, tensors)
    rows = _own_rows(thin, artifact, 60)
    assert len({row["label"] for row in rows}) > 1

    error = export(artifact, thin, ExportFormat.ONNX_INT8, tmp_path / "run", rows)

    assert (error["type"], error["code"]) == ("error", "int8_inaccurate")
    assert "60 test rows worse: accuracy is" in error["message"]
    assert "as onnx instead" in error["message"]


def test_the_container_serves_without_our_house(thin: BaseDirectory, tmp_path: Path) -> None:
    artifact = make_artifact(thin, "lora")
    export(artifact, thin, ExportFormat.CONTAINER, tmp_path / "run")
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
    torch.testing.assert_close(found, torch.tensor(ours(thin, artifact)), atol=2e-5, rtol=1e-4)
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

    error = export(strange, tiny, ExportFormat.HUGGINGFACE, tmp_path / "run")

    assert error["code"] == "artifact_corrupt"


def test_the_length_is_told_where_the_base_has_no_tokenizer_config(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny.directory, tmp_path / "base")
    (folder / "tokenizer_config.json").unlink(missing_ok=True)
    base = base_at(tiny.id, folder, tiny.weights_sha256)
    out = export_merged(make_artifact(tiny, "full"), base, tmp_path / "out")
    assert json.loads((out / "tokenizer_config.json").read_text()) == {"model_max_length": 64}
