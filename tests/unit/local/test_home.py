"""Where things lie: homes, secrets, run files, and the servers of an awkward home."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anneal.local import postgres
from anneal.local.console import Stop, duration
from anneal.local.credentials import secrets_load
from anneal.local.environment import owner_env, running_env, sources
from anneal.local.paths import SHARED_STATE, Account, Home, home_open, reachable
from anneal.local.processes import spawn, wait_until
from anneal.local.runfile import (
    Run,
    installation_lock,
    leftovers_end,
    own_identity,
    run_current,
    run_read,
    run_write,
)

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root runs servers as someone else")


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home in a folder that only we may enter, which is how pytest makes its folders."""
    made = home_open(tmp_path / "home")
    yield made
    shutil.rmtree(made.sockets)
    shutil.rmtree(made.servers, ignore_errors=True)


def test_secrets_are_made_once_and_are_ours_alone(home: Home) -> None:
    first = secrets_load(home)

    assert secrets_load(home) == first
    assert len({first.superuser, first.owner, first.app, first.backup, first.key}) == 5
    assert stat.S_IMODE((home.path / "secrets.json").stat().st_mode) == 0o600
    assert first.app not in repr(first)


def test_what_customers_bring_is_not_for_others(home: Home) -> None:
    assert stat.S_IMODE(home.storage.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.path.stat().st_mode) & 0o066 == 0


def test_a_socket_path_is_short_enough(home: Home) -> None:
    assert len(str(home.sockets / ".s.PGSQL.5432")) < 107


def test_a_socket_folder_of_another_user_is_not_entered(tmp_path: Path) -> None:
    victim = home_open(tmp_path / "home")
    shutil.rmtree(victim.sockets)
    victim.sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(Stop, match="belongs to someone else"):
            home_open(tmp_path / "home")
    finally:
        victim.sockets.unlink()
        shutil.rmtree(victim.servers, ignore_errors=True)


def test_a_home_that_cannot_be_made_names_the_fix() -> None:
    with pytest.raises(Stop, match="Set ANNEAL_HOME"):
        home_open(Path("/proc/anneal"))


def test_a_running_process_never_gets_the_owner(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, owner = running_env(home), owner_env(home)
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db/anneal")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner@db/anneal")

    assert "DATABASE_OWNER_URL" not in running
    assert "anneal_owner" in owner["DATABASE_OWNER_URL"]
    assert "DATABASE_OWNER_URL" not in running_env(home)
    assert running_env(home)["DATABASE_URL"] == "postgresql://app@db/anneal"


def test_what_is_given_is_not_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://there:6379/0")
    assert sources().names() == ["postgres", "storage"]

    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner@db/anneal")
    with pytest.raises(Stop, match="Set both or neither"):
        sources()


def test_a_run_is_current_while_its_process_lives(home: Home) -> None:
    pid, started = own_identity()
    run_write(home, Run(kind="up", state="ready", pid=pid, started=started, url="http://x"))
    assert run_current(home) == run_read(home)

    run_write(home, Run(kind="up", state="ready", pid=pid, started=started - 100))
    assert run_current(home) is None


def test_half_a_run_file_is_no_run(home: Home) -> None:
    home.run_file.write_text('{"kind": "up"')

    assert run_read(home) is None


def test_a_home_is_held_by_one(home: Home) -> None:
    first = installation_lock(home)
    assert first is not None
    assert installation_lock(home) is None

    first.close()
    again = installation_lock(home)
    assert again is not None
    again.close()


def test_what_a_killed_run_left_is_ended(home: Home) -> None:
    env = os.environ | {"ANNEAL_UP": "1", "ANNEAL_HOME": str(home.path)}
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    leftovers_end(home)

    left.wait(timeout=10)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_durations_read_well() -> None:
    assert [duration(each) for each in (0.04, 9.9, 59.4, 125)] == [
        "0.0 s",
        "9.9 s",
        "59 s",
        "2 min 05 s",
    ]


@AS_ROOT
def test_a_home_that_nobody_can_reach_has_its_servers_elsewhere(home: Home) -> None:
    nobody = Account(65534, 65534, switch=True)

    assert not reachable(home.path, nobody)
    assert home.servers.parent == SHARED_STATE
    assert home.servers.stat().st_uid == home.account.uid


def test_postgres_starts_after_a_half_made_cluster_and_refuses_wrong_roles(home: Home) -> None:
    """One cluster for all of it: making one takes half a second."""
    psycopg = pytest.importorskip("psycopg")
    secrets = secrets_load(home)
    (home.servers / "pgdata.new").mkdir()
    (home.servers / "pgdata").mkdir()
    (home.servers / "pgdata" / "half").touch()

    postgres.prepare(home, secrets)
    server = spawn(postgres.spec(home, temporary=True))
    try:
        assert wait_until(lambda: postgres.ready(home), seconds=30)
        postgres.roles_create(home, secrets)
        postgres.roles_create(home, secrets)  # a second start makes nothing twice
        with psycopg.connect(postgres.url(home, secrets, "app")) as connection:
            rows = connection.execute(
                "SELECT rolname, rolsuper OR rolbypassrls, rolcanlogin FROM pg_roles"
                " WHERE rolname LIKE 'anneal%' ORDER BY 1"
            ).fetchall()
            role = connection.execute("SELECT current_user, version()").fetchone()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=20)

    assert rows == [
        ("anneal_app", False, True),
        ("anneal_backup", True, True),
        ("anneal_owner", False, True),
        ("anneal_system", False, False),
    ]
    assert role is not None
    assert role[0] == "anneal_app"
    assert int(role[1].split()[1].split(".")[0]) >= 16


def test_a_database_of_another_postgres_is_left_alone(home: Home) -> None:
    data = home.servers / "pgdata"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")

    with pytest.raises(Stop, match="made by Postgres 15"):
        postgres.prepare(home, secrets_load(home))
