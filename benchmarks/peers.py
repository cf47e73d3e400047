"""Bars `online_peer`: our online path, everything on, beside what others serve the weights with.

FastAPI and LitServe are no part of the product: `requirements/bench.lock` names them, and the
first run of the case installs them into a folder inside `.venv` that nothing else looks into.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from anneal.kernel.redis_url import broker_url
from benchmarks.figures import Figure, figure
from benchmarks.load import ROOT, Plan
from benchmarks.online import CLIENTS, SAME, plan_of, played, rounded
from benchmarks.peer_servers import FOLDER
from benchmarks.servers import customer_make, post, wait_serving
from benchmarks.shipped import MODEL, shipped_folder
from benchmarks.texts import reviews
from mlworker.engine import WAITING

PEERS = {"pipeline": 2.0, "litserve": 2.0, "celery": 4.0}
"""Comparators and how many times their texts a second we promise."""
LOCK = ROOT / "requirements" / "bench.lock"
PACKAGES = ROOT / ".venv" / "bench"
TEXTS = 1_000
CHECKED = 32
ROUNDS = 2
SECONDS = 8.0
READY_SECONDS = 180

_EXPORT = """
import sys
from pathlib import Path
from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import locate_base
from mlworker.engine.export import export_merged
artifact = load_artifact(Path(sys.argv[1]))
export_merged(artifact, locate_base(artifact.manifest.base_id), Path(sys.argv[2]))
"""


def online_peer(seconds: float = SECONDS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """Our texts a second / theirs, 64 clients, one text a call; they keep no books."""
    packages_ensure()
    texts, source = reviews(TEXTS)
    key = customer_make()
    wait_serving(key, MODEL)
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in PEERS}
    far: dict[str, float] = {}
    own = plan_of(key, texts, CLIENTS, seconds)
    played(plan_of(key, texts, CLIENTS, 3.0))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        subprocess.run(
            [sys.executable, "-c", _EXPORT, str(shipped_folder()), str(folder)],
            check=True,
            cwd=ROOT,
        )
        for _ in range(rounds):
            ours.append(_rate(own))
            for name in PEERS:
                with _serving(name, folder) as address:
                    far[name] = _equal(address, key, texts[:CHECKED])
                    _rate(_plan(address, texts, 3.0))
                    theirs[name].append(_rate(_plan(address, texts, seconds)))
    for name, target in PEERS.items():
        ratios = [one / two for one, two in zip(ours, theirs[name], strict=True)]
        yield figure(
            f"online_peer.{name}",
            statistics.median(ratios),
            target,
            "more",
            texts_per_second=rounded(ours),
            theirs_per_second=rounded(theirs[name]),
            ratios=rounded(ratios),
            largest_output_difference=far[name],
            texts=source,
        )


def packages_ensure() -> None:
    """Install the comparators' packages unless the lock's are there already."""
    stamp = PACKAGES / "stamp"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print("Installing FastAPI and LitServe beside the product", file=sys.stderr)  # noqa: T201 # the command's output
    shutil.rmtree(PACKAGES, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--no-input", "--no-deps"]
    command += ["--require-hashes", "--target", str(PACKAGES), "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pip could not install {LOCK.name}: {done.stderr[-1500:]}")
    stamp.write_text(digest)


def _rate(plan: Plan) -> float:
    result = played(plan)
    return result.calls / result.seconds


def _plan(address: str, texts: list[str], seconds: float) -> Plan:
    bodies = [json.dumps({"input": text}) for text in texts]
    return Plan(address, "/predict", [""], bodies, CLIENTS, seconds)


@contextmanager
def _serving(name: str, folder: Path) -> Iterator[str]:
    """A comparator's server, and Celery's worker where that is one, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {FOLDER: str(folder)} | WAITING
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "platform"), str(PACKAGES)])
    env["PEER_REDIS"] = broker_url(os.environ["REDIS_URL"])
    module = "benchmarks.peer_litserve" if name == "litserve" else "benchmarks.peer_servers"
    command = [sys.executable, "-m", module, name, str(folder), str(port)]
    with ExitStack() as running:
        if name == "celery":
            worker = [sys.executable, "-m", "celery", "-A", "benchmarks.peer_servers:tasks"]
            worker += ["worker", "--queues=peer", "--pool=solo", "--loglevel=ERROR"]
            running.enter_context(_process(worker, env))
        server = running.enter_context(_process(command, env))
        address = f"http://127.0.0.1:{port}"
        _wait_ready(address, server)
        yield address


@contextmanager
def _process(command: list[str], env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, start_new_session=True, stdout=told, stderr=told
        )
        try:
            yield process
        except Exception as error:
            told.seek(0)
            error.add_note(told.read()[-1500:].decode(errors="replace"))
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_ready(address: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            _ask(address, "warm")
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return


def _ask(address: str, text: str) -> dict[str, float]:
    request = urllib.request.Request(
        f"{address}/predict",
        data=json.dumps({"input": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        rows = json.load(answer)["data"][0]
    return {row["label"]: row["score"] for row in rows}


def _equal(address: str, key: str, texts: list[str]) -> float:
    """The greatest difference between their probabilities and ours; raises when it is large."""
    status, answer = post("/v1/classify", key, {"model": MODEL, "input": texts})
    if status != 200:
        raise RuntimeError(f"{status}: {answer}")
    far = max(
        abs(row["scores"][label] - score)
        for row, text in zip(answer["data"], texts, strict=True)
        for label, score in _ask(address, text).items()
    )
    if far > SAME:
        raise RuntimeError(f"their outputs and ours differ by {far}")
    return float(far)
