"""The trainer's jail: tied to its supervisor, without network, without secrets."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlworker.engine.surroundings import child_environment
from mlworker.jobs.supervisor import child
from mlworker.jobs.supervisor.child import Trainer

JAIL = Path(child.__file__).with_name("jail.py")
TELL = (
    "import json, os, socket, sys;"
    "print(json.dumps({'env': dict(os.environ),"
    " 'networks': [name for _, name in socket.if_nameindex()]}))"
)
PARENT = """
import os, subprocess, sys
jailed = [sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), sys.executable, "-c"]
child = subprocess.Popen([*jailed, "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def _told(tmp_path: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(JAIL), str(os.getpid()), sys.executable, "-c", TELL],
        env=child_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_killing_the_supervisor_kills_the_child() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(JAIL)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert gone(pid)


def test_a_child_whose_supervisor_is_gone_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(JAIL), "1", sys.executable, "-c", "print('ran')"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (6, "")


def test_the_child_learns_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "STRIPE_SECRET_KEY", "AWS_SECRET"):
        monkeypatch.setenv(name, "planted-secret")
    told = _told(tmp_path)
    assert "planted-secret" not in json.dumps(told)
    assert isinstance(told["env"], dict)
    assert told["env"]["HF_HUB_OFFLINE"] == "1"


@pytest.mark.skipif(
    subprocess.run(["unshare", "-Un", "true"], check=False, capture_output=True).returncode != 0,
    reason="this kernel permits no network namespace",
)
def test_the_child_has_no_network(tmp_path: Path) -> None:
    assert _told(tmp_path)["networks"] == ["lo"]


def test_a_child_killed_by_a_signal_names_it(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path)
    try:
        os.kill(trainer.pid, signal.SIGSEGV)
        while not trainer.ended:
            trainer.next_message(0.1)
        fault = trainer.fault()
    finally:
        trainer.close()
    assert (fault.code, fault.param) == ("crashed", "SIGSEGV")


def test_closing_leaves_no_process(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path)
    trainer.close()
    assert gone(trainer.pid)
