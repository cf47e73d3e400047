"""One more worker joins what runs, or says what it needs."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anneal.local import worker
from anneal.local.console import Stop
from anneal.local.paths import home_open

URLS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "STORAGE_URL")


@pytest.fixture
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home in which nothing runs, and a shell without URLs."""
    monkeypatch.setenv("ANNEAL_HOME", str(tmp_path / "home"))
    for name in URLS:
        monkeypatch.delenv(name, raising=False)
    yield
    home = home_open()
    for folder in (home.sockets, home.servers):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.usefixtures("nothing_set")
def test_without_a_running_anneal_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stop, match=r"`manage.py up`, or set DATABASE_URL, REDIS_URL, STORAGE_URL"):
        worker.run(["serve"])

    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    with pytest.raises(Stop, match=r"or set DATABASE_URL, STORAGE_URL to those"):
        worker.run(["serve"])


@pytest.mark.parametrize("arguments", [[], ["other"], ["serve", "--threads", "-1"]])
def test_what_it_does_not_know_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        worker.run(arguments)

    assert refused.value.code == 2


def test_each_worker_reads_its_own_queue_under_a_name_of_its_own() -> None:
    command = worker.worker_command("serve", name="serve-7", threads=3)

    assert command[command.index("-Q") + 1] == "serve"
    assert command[command.index("-n") + 1] == "serve-7@%h"
    assert command[command.index("--concurrency") + 1] == "3"


def test_a_worker_loads_none_of_the_webs_addresses() -> None:
    code = (
        "import sys; from anneal.worker import app; app.loader.import_default_modules(); "
        "sys.exit('anneal.urls' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
