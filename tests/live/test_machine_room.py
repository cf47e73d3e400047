"""The machine room as people meet it: started, killed, started again, stopped."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest

from anneal.console.management.commands.seed import DEMO_EMAIL
from anneal.local.paths import home_open
from anneal.local.processes import wait_until
from tests.live.machine import MANAGE, ROOT, Installation, InstallationMaker

NAMES = {"postgres", "redis", "web", "worker-serve", "worker-train", "worker-default", "scheduler"}


def _livez(url: str) -> int:
    with urllib.request.urlopen(f"{url}/livez", timeout=5) as reply:
        return int(reply.status)


def test_every_process_runs_and_the_address_answers(installation: Installation) -> None:
    processes = installation.run["processes"]

    assert isinstance(processes, dict)
    assert set(processes) == NAMES
    assert _livez(installation.url) == 200


def test_without_the_demonstration_nothing_is_seeded(installation: Installation) -> None:
    with psycopg.connect(installation.superuser_url) as connection:
        (demo,) = connection.execute(
            "SELECT count(*) FROM accounts_user WHERE email = %s", [DEMO_EMAIL]
        ).fetchall()

    assert demo == (0,)
    assert "Seeding" not in installation.output


def test_run_json_names_no_secret(installation: Installation) -> None:
    secrets = json.loads((installation.home / "secrets.json").read_text())
    text = (installation.home / "run.json").read_text()

    assert [name for name, secret in secrets.items() if secret in text] == []
    assert stat.S_IMODE((installation.home / "secrets.json").stat().st_mode) == 0o600


def test_no_running_process_knows_the_owner_of_the_database(installation: Installation) -> None:
    owner = json.loads((installation.home / "secrets.json").read_text())["owner"]
    texts = [str(process.environ()) for process in installation.processes()]
    texts += [" ".join(process.cmdline()) for process in installation.processes()]

    assert len(texts) > len(NAMES)
    assert [text for text in texts if owner in text or "DATABASE_OWNER_URL" in text] == []


def test_postgres_listens_to_nobody_else(installation: Installation) -> None:
    url = installation.env["DATABASE_URL"]
    sockets = Path(url.split("host=")[1])

    with psycopg.connect(installation.superuser_url) as connection:
        row = connection.execute("SHOW listen_addresses").fetchone()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.replace("anneal_app:", "anneal_app:wrong"))

    assert row == ("",)
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root has someone else to run servers as")
def test_as_root_the_servers_run_as_nobody(installation: Installation) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    owners = {
        psutil.Process(installation.pids(name)[0]).uids().real for name in ("postgres", "redis")
    }

    assert owners == {nobody}


def test_a_second_up_names_the_first(installation: Installation) -> None:
    said = installation.manage("up", check=False)

    assert f"Anneal already runs at {installation.url}" in said
    assert len(said.strip().splitlines()) == 1


def test_a_command_uses_the_running_installation(installation: Installation) -> None:
    before = installation.run["processes"]

    said = installation.manage("showmigrations", "accounts")

    assert "[X] 0001_initial" in said
    assert installation.run["processes"] == before


def test_doctor_finds_nothing_vital(installation: Installation) -> None:
    said = installation.manage("doctor", check=False)

    assert "!!" not in said
    assert "role is bound by row level security, migrations applied, storage ok" in said


def test_a_taken_port_gets_one_sentence(own_installation: InstallationMaker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        machine = own_installation("--port", str(port))
        machine.begin()
        assert wait_until(lambda: machine.ended, seconds=60)

    assert f"Port {port} on 127.0.0.1 is taken" in machine.output
    assert f"--port {port + 1}" in machine.output
    assert "Traceback" not in machine.output


def test_up_recovers_from_everything_that_was_killed(own_installation: InstallationMaker) -> None:
    machine = own_installation(durable=True).start()

    # A killed process is started again, the servers too.
    for name in ("web", "postgres", "redis"):
        old = machine.kill(name)
        machine.wait_new(name, old)
    assert wait_until(lambda: _answers(machine.url), seconds=60, pause=0.2)
    assert wait_until(lambda: _counts_users(machine), seconds=60, pause=0.2)

    # A killed supervisor leaves nothing running, and the next start says what it found.
    everything = machine.processes()
    assert machine.process is not None
    machine.process.kill()
    machine.process.wait()
    _, left = psutil.wait_procs(everything, timeout=20)
    assert [process.pid for process in left] == []
    _leave_stale_files(machine)
    machine.start()
    assert "An earlier run was cut off" in machine.output
    assert _livez(machine.url) == 200

    # SIGTERM stops all within seconds and leaves no process.
    seconds = machine.stop(signal.SIGTERM)
    assert seconds < 20
    assert machine.processes() == []
    assert not (machine.home / "run.json").exists()


def _answers(url: str) -> bool:
    try:
        return _livez(url) == 200
    except OSError:
        return False


def _counts_users(machine: Installation) -> bool:
    try:
        with psycopg.connect(machine.superuser_url) as connection:
            return connection.execute("SELECT count(*) FROM accounts_user").fetchone() is not None
    except psycopg.OperationalError:
        return False


def _leave_stale_files(machine: Installation) -> None:
    """What a crash can leave: sockets without a listener, a pid file that names another process."""
    home = home_open(machine.home)
    for name in ("redis.sock", ".s.PGSQL.5432"):
        path = home.sockets / name
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
    pid_file = home.servers / "pgdata" / "postmaster.pid"
    lines = [
        str(os.getpid()),
        str(home.servers / "pgdata"),
        "1",
        "5432",
        str(home.sockets),
        "",
        "1",
    ]
    pid_file.write_text("\n".join(lines) + "\n")


def test_ctrl_c_while_starting_leaves_nothing(own_installation: InstallationMaker) -> None:
    machine = own_installation()
    machine.begin()
    assert wait_until(lambda: "Starting Postgres" in machine.output, seconds=120)

    seconds = machine.stop(signal.SIGINT)

    assert seconds < 20
    assert machine.processes() == []
    assert "Traceback" not in machine.output


def test_a_command_alone_starts_servers_and_stops_them(own_installation: InstallationMaker) -> None:
    machine = own_installation()

    said = machine.manage("showmigrations", "accounts")

    assert "[ ] 0001_initial" in said
    assert machine.processes() == []


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become someone else")
def test_a_fresh_clone_runs_for_an_ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A clone with an empty home and Python alone: set-up, start, address, second start."""
    folder = Path("/tmp/anneal-ordinary")
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        (folder / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / "clone" / name)
    (folder / "home").mkdir()
    subprocess.run(["chown", "-R", "nobody", str(folder)], check=True)
    try:
        said, first = _up_as_nobody(folder)
        again, second = _up_as_nobody(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    assert "Anneal runs at" in said
    assert "Anneal runs at" in again
    assert "Installing" not in again
    # Promised are 180 s with a warm pip cache, and 15 s; a test allows twice that.
    assert first < 360, said
    assert second < 30, again


def _up_as_nobody(folder: Path) -> tuple[str, float]:
    """What `up` says until it is stopped, and the seconds until it is up."""
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    env = pip | {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin"}
    python = str(Path(getattr(sys, "_base_executable", sys.executable)))
    if not os.access("/root", os.X_OK) or python.startswith("/root"):
        python = "/usr/bin/python3"
    child = subprocess.Popen(
        [python, str(folder / "clone" / "manage.py"), "up", "--port", "0"],
        cwd=folder / "clone",
        env=env,
        user="nobody",
        group="nogroup",
        extra_groups=[],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    said, started = "", time.monotonic()
    for line in child.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            break
    seconds = time.monotonic() - started
    child.send_signal(signal.SIGINT)
    said += child.communicate(timeout=60)[0]
    assert child.returncode == 0, said
    return said, seconds


def test_manage_is_what_the_readme_says() -> None:
    done = subprocess.run([sys.executable, MANAGE], capture_output=True, text=True, check=True)

    assert {"up", "test", "bench", "doctor", "lock"} <= set(done.stderr.split())
