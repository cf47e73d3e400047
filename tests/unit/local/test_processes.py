"""Children are kept running, stopped whole, and never outlive us."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from anneal.local.processes import Spec, alive, identity, log_rotate, run_logged, wait_until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def _spec(tmp_path: Path, code: str, name: str = "child") -> Spec:
    return Spec(
        name=name,
        command=(sys.executable, "-c", code),
        env=dict(os.environ),
        log=tmp_path / f"{name}.log",
        cwd=tmp_path,
    )


def _script(tmp_path: Path, body: str) -> subprocess.Popen[str]:
    """A process of its own, since a supervisor changes signals and adopts orphans."""
    head = f"""
        import os, signal, sys, time
        from pathlib import Path
        from anneal.local import supervisor
        from anneal.local.processes import Spec, adopt_orphans, descendants, run_logged, spawn
        supervisor.GRACE_SECONDS = 1.0
        folder = Path({str(tmp_path)!r})
        def spec(name, code):
            return Spec(name, (sys.executable, "-c", code), dict(os.environ), folder / name, folder)
        """
    code = textwrap.dedent(head) + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_output_goes_to_the_log_and_the_status_comes_back(tmp_path: Path) -> None:
    spec = _spec(tmp_path, "print('said'); raise SystemExit(3)")

    assert run_logged(spec) == 3
    assert spec.log.read_text() == "said\n"


def test_a_reused_number_is_another_process() -> None:
    started = identity(os.getpid())

    assert started is not None
    assert alive(os.getpid(), started)
    assert not alive(os.getpid(), started - 100)


def test_a_long_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anneal.local.processes.LOG_LIMIT", 10)
    log = tmp_path / "web.log"
    log.write_text("more than ten bytes")

    log_rotate(log)

    assert not log.exists()
    assert (tmp_path / "web.log.1").exists()


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    parent = _script(
        tmp_path,
        """
        child = spawn(spec("child", "import time; time.sleep(60)"))
        print(child.pid, flush=True)
        time.sleep(60)
        """,
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))

    parent.kill()
    parent.wait()
    parent.stdout.close()

    _, left = psutil.wait_procs([child], timeout=10)
    assert left == []


def test_a_dead_child_is_started_again_later_and_later(tmp_path: Path) -> None:
    done = _script(
        tmp_path,
        """
        watch = supervisor.Supervisor()
        watch.start(spec("weak", "raise SystemExit(1)"))
        pids, end = {watch.children["weak"].popen.pid}, time.monotonic() + 6
        while len(pids) < 3 and time.monotonic() < end:
            watch.look()
            pids.add(watch.children["weak"].popen.pid)
            time.sleep(0.02)
        watch.stop_all()
        print(len(pids), watch.failures("weak") >= 2)
        """,
    )

    assert done.communicate(timeout=30)[0].split() == ["3", "True"]


@pytest.mark.parametrize(("told", "failures"), [(0.1, "1"), (60.0, "2")])
def test_what_ends_well_was_told_to_unless_it_had_hardly_begun(
    tmp_path: Path, told: float, failures: str
) -> None:
    done = _script(
        tmp_path,
        f"""
        supervisor.TOLD_SECONDS = {told}
        watch = supervisor.Supervisor()
        watch.start(spec("told", "import time; time.sleep(0.3)"))
        pids, end = {{watch.children["told"].popen.pid}}, time.monotonic() + 6
        while len(pids) < 3 and time.monotonic() < end:
            watch.look()
            pids.add(watch.children["told"].popen.pid)
            time.sleep(0.02)
        watch.stop_all()
        print(len(pids), watch.failures("told"))
        """,
    )

    assert done.communicate(timeout=30)[0].split() == ["3", failures]


def test_stopping_ends_the_stubborn_and_the_orphaned(tmp_path: Path) -> None:
    orphan = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time;"
        " time.sleep(60)'], start_new_session=True)"
    )
    done = _script(
        tmp_path,
        f"""
        adopt_orphans()
        watch = supervisor.Supervisor()
        watch.start(spec("server", "import time; time.sleep(60)"), server=True)
        watch.start(spec("stubborn", {STUBBORN!r}))
        run_logged(spec("leaves", {orphan!r}))
        time.sleep(0.5)
        before = len(descendants())
        started = time.monotonic()
        watch.stop_all()
        print(before, len(descendants()), time.monotonic() - started < 8)
        """,
    )

    assert done.communicate(timeout=30)[0].split() == ["3", "0", "True"]


def test_an_interrupted_command_takes_its_children_along(tmp_path: Path) -> None:
    parent = _script(
        tmp_path,
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        print("ready", flush=True)
        run_logged(spec("npm", "import subprocess; subprocess.run(['sleep', '60'])"))
        """,
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    process = psutil.Process(parent.pid)
    assert wait_until(lambda: len(process.children(recursive=True)) == 2, seconds=10)
    below = process.children(recursive=True)

    parent.send_signal(signal.SIGTERM)
    parent.wait(timeout=10)
    parent.stdout.close()

    _, left = psutil.wait_procs(below, timeout=10)
    assert left == []
