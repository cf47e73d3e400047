"""A whole installation for a test: `manage.py up` as a person types it, and hands on its parts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psutil

from anneal.kernel.ids import parse_id
from anneal.local import postgres, redis
from anneal.local.credentials import secrets_load
from anneal.local.paths import home_open
from anneal.local.processes import tied_to_parent, wait_until

ROOT = Path(__file__).resolve().parents[2]
MANAGE = str(ROOT / "manage.py")
NOT_OURS = ("DATABASE_", "REDIS_URL", "STORAGE_URL", "ANNEAL_", "SECRET_KEY", "PYTEST_", "DJANGO_")
UP_SECONDS = 240.0
AT_ONCE = 12
"""Organizations that one command makes: starting Python takes longer than making them."""


@dataclass(frozen=True)
class Account:
    """What `org_create` tells of a new organization."""

    id: UUID
    slug: str
    key: str


class Installation:
    """One `up`. Its home is temporary; `close` stops it and removes everything."""

    def __init__(
        self,
        *options: str,
        durable: bool = False,
        python: str = sys.executable,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="anneal-live-"))
        self.home.chmod(0o711)  # as root the servers run as `nobody`, who must be able to pass
        self._options, self._durable, self._python = options, durable, python
        self._settings = dict(settings or {})
        self.process: subprocess.Popen[str] | None = None
        self.said = self.home / "said.txt"
        self._accounts: dict[int | None, list[Account]] = defaultdict(list)

    def start(self, *options: str) -> "Installation":
        """`manage.py up`; returns when the address answers."""
        self.begin(*options)
        up = wait_until(lambda: self._ready() or self.ended, seconds=UP_SECONDS, pause=0.2)
        assert up, f"`up` takes longer than {UP_SECONDS} s:\n{self.output}"
        assert not self.ended, f"`up` ended:\n{self.output}"
        return self

    def begin(self, *options: str) -> None:
        """`manage.py up` without waiting."""
        command = [self._python, MANAGE, "up", "--port", "0", *self._options, *options]
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.plain_env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=_as_typed(),
            )

    @property
    def plain_env(self) -> dict[str, str]:
        """What a person's shell has: nothing of the test's database."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
        # Tests run beside each other: a trainer that waits for all others would end none of them.
        env |= {"ANNEAL_TRAIN_BACKGROUND": "0"}
        env |= self._settings | {"ANNEAL_HOME": str(self.home)}
        return env if self._durable else env | {"ANNEAL_TEMPORARY": "1"}

    @property
    def run(self) -> dict[str, object]:
        """`run.json`."""
        content: dict[str, object] = json.loads((self.home / "run.json").read_text())
        return content

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return str(self.run["url"])

    @property
    def env(self) -> dict[str, str]:
        """Database URLs as app and as owner, Redis and storage, for a test that looks inside."""
        home = home_open(self.home)
        secrets = secrets_load(home)
        return {
            "DATABASE_URL": postgres.url(home, secrets, "app"),
            "DATABASE_OWNER_URL": postgres.url(home, secrets, "owner"),
            "REDIS_URL": redis.url(home),
            "STORAGE_URL": home.storage.as_uri(),
            "ANNEAL_HOME": str(self.home),
        }

    @property
    def superuser_url(self) -> str:
        """The database as its superuser: sees every organization's rows."""
        home = home_open(self.home)
        password = secrets_load(home).superuser
        return f"postgresql://postgres:{password}@/anneal?host={home.sockets}"

    @property
    def operator_link(self) -> str:
        """A fresh one-time link for the operator."""
        return self.manage("operator_link").strip().splitlines()[-1]

    @property
    def output(self) -> str:
        """What `up` has said so far."""
        return self.said.read_text()

    @property
    def ended(self) -> bool:
        """Whether the `up` process is gone."""
        return self.process is None or self.process.poll() is not None

    def pids(self, name: str) -> list[int]:
        """The process of that name (`web`, `worker-train`, `postgres`, ...) and all below it."""
        first = psutil.Process(self._pid(name))
        return [first.pid, *(child.pid for child in first.children(recursive=True))]

    def _ready(self) -> bool:
        try:
            run = self.run
        except (OSError, ValueError):
            return False
        return (
            self.process is not None and run["state"] == "ready" and run["pid"] == self.process.pid
        )

    def _pid(self, name: str) -> int:
        processes = self.run["processes"]
        assert isinstance(processes, dict)
        return int(processes[name]["pid"])

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the process of that name alone; its number."""
        pid = self._pid(name)
        os.kill(pid, number)
        return pid

    def wait_new(self, name: str, old: int, *, seconds: float = 60) -> int:
        """Wait until the supervisor has started the process anew; its number."""
        again = wait_until(lambda: self._changed(name, old), seconds=seconds, pause=0.1)
        assert again, f"{name} was not started again:\n{self.output}"
        return self._pid(name)

    def _changed(self, name: str, old: int) -> bool:
        try:
            return self._pid(name) != old
        except (KeyError, OSError, ValueError):
            return False

    def manage(self, *arguments: str, check: bool = True, **env: str) -> str:
        """Run a manage.py command beside the running installation; its standard output."""
        done = subprocess.run(
            [self._python, MANAGE, *arguments],
            cwd=ROOT,
            env=self.plain_env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        text = f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        assert done.returncode == 0 or not check, text
        return done.stdout if check else done.stdout + done.stderr

    def account_new(self, credit: int | None = None) -> Account:
        """An organization nobody has seen before, with a key and the trial's or this credit."""
        ready = self._accounts[credit]
        if not ready:
            options = ["--name", "Live", "--json"]
            options += [] if credit is None else ["--credit", str(credit)]
            code = "from django.core.management import call_command\n"
            for _ in range(AT_ONCE):
                email = f"live-{uuid4().hex[:10]}@example.com"
                code += f"call_command('org_create', '--email', '{email}', *{options})\n"
            said = self.manage("shell", "--verbosity", "0", "-c", code).strip().splitlines()
            for made in map(json.loads, said[-AT_ONCE:]):
                found = parse_id("org_", made["organization"])
                ready.append(Account(id=found, slug=made["slug"], key=made["api_key"]))
        return ready.pop()

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Stop `up` with a signal; the seconds it took."""
        if self.process is None or self.ended:
            return 0.0
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        return time.monotonic() - started

    def restart(self, number: signal.Signals = signal.SIGTERM) -> "Installation":
        """Stop it and start it again in the same home (on another port)."""
        self.stop(number)
        return self.start()

    def processes(self) -> list[psutil.Process]:
        """Everything alive that was started in this home."""
        return [process for process in psutil.process_iter() if self._mine(process)]

    def _mine(self, process: psutil.Process) -> bool:
        try:
            inside = process.environ().get("ANNEAL_HOME") == str(self.home)
            servers = str(self.home) in " ".join(process.cmdline())
            return (inside or servers) and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False

    def close(self) -> None:
        """Stop it, end whatever is left, remove the home."""
        try:
            self.stop()
        finally:
            for process in self.processes():
                process.kill()
            home = home_open(self.home)
            for folder in (home.sockets, home.servers, self.home):
                shutil.rmtree(folder, ignore_errors=True)


def _as_typed() -> Callable[[], None]:
    """Ends with the tests, and hears Ctrl-C: what a shell runs in the background is deaf to it."""
    tied = tied_to_parent(signal.SIGTERM)

    def prepare() -> None:
        tied()
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return prepare


InstallationMaker = Callable[..., Installation]
