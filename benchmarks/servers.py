"""The private installation under measurement: its processes' time, a customer, a warm engine."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

ROOT = Path(__file__).resolve().parents[1]
COUNTED = ("web", "worker-serve", "postgres", "redis")
"""Whose processor time serves online calls."""


def url() -> str:
    """The installation's address."""
    return os.environ["ANNEAL_URL"]


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Processor seconds of each part since it started."""

    parts: dict[str, float]

    def since(self, earlier: "CpuTime") -> dict[str, float]:
        """Return the seconds spent between two readings."""
        return {name: self.parts[name] - earlier.parts[name] for name in self.parts}


def cpu_time() -> CpuTime:
    """Read the processor time of the parts, their children and their dead children."""
    run = json.loads((Path(os.environ["ANNEAL_HOME"]) / "run.json").read_text())
    return CpuTime({name: _tree(int(run["processes"][name]["pid"])) for name in COUNTED})


def _tree(pid: int) -> float:
    parent = psutil.Process(pid)
    total = 0.0
    for process in (parent, *parent.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # counted among its parent's dead children from now on
        total += times.user + times.system + times.children_user + times.children_system
    return total


def customer_make(credit: int = 100_000_000) -> str:
    """Make an organization with much credit; its API key."""
    email = f"bench-{uuid4().hex[:8]}@example.com"
    options = ["--email", email, "--name", "Bench", "--credit", str(credit), "--json"]
    made = subprocess.run(
        [sys.executable, "-m", "django", "org_create", *options],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    key: str = json.loads(made.stdout.strip().splitlines()[-1])["api_key"]
    return key


def post(path: str, key: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Post JSON; status and answer."""
    request = urllib.request.Request(
        url() + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def get(path: str, key: str) -> bytes:
    """Get an address; the answer's bytes. Raises urllib.error.HTTPError."""
    request = urllib.request.Request(url() + path, headers={"Authorization": f"Bearer {key}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def upload(key: str, name: str, data: bytes) -> str:
    """Upload a batch's file; its id."""
    edge = uuid4().hex
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{edge}\r\n'
    )
    head += f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
    head += "Content-Type: application/octet-stream\r\n\r\n"
    request = urllib.request.Request(
        f"{url()}/v1/files",
        data=head.encode() + data + f"\r\n--{edge}--\r\n".encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": f"multipart/form-data; boundary={edge}",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        file_id: str = json.load(answer)["id"]
        return file_id


def wait_serving(key: str, model: str, seconds: float = 120) -> None:
    """Wait until the model answers."""
    end = time.monotonic() + seconds
    while True:
        status, answer = post("/v1/classify", key, {"model": model, "input": "warm"})
        if status == 200:
            return
        if time.monotonic() > end:
            raise TimeoutError(f"{model} does not answer: {status} {answer}")
        time.sleep(0.5)
