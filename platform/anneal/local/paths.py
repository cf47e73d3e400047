"""Where an installation keeps its things, and as whom its servers run.

`ANNEAL_HOME` holds everything. When we are root the two servers run as `nobody`, so their own
files must lie where `nobody` can go: in the home when every folder above it lets others pass, else
in `/var/lib/anneal/<key>`. Sockets lie in a short folder, since a socket's path has 107 bytes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from anneal.local.console import Stop
from anneal.local.preamble import ROOT

SHARED_STATE = Path("/var/lib/anneal")


@dataclass(frozen=True)
class Account:
    """The user that owns a server's process and files; `switch` says that we are root."""

    uid: int
    gid: int
    switch: bool


@dataclass(frozen=True)
class Home:
    """The folders of one installation."""

    path: Path
    servers: Path
    """The embedded servers' own files; owned by their account."""
    sockets: Path
    account: Account

    @property
    def log(self) -> Path:
        """One file per process."""
        return self.path / "log"

    @property
    def cache(self) -> Path:
        """What can be made again: binaries taken out of packages."""
        return self.path / "cache"

    @property
    def storage(self) -> Path:
        """Object storage when `STORAGE_URL` names none."""
        return self.path / "storage"

    @property
    def run_file(self) -> Path:
        """What runs now: see `anneal.local.runfile`."""
        return self.path / "run.json"

    @property
    def lock_file(self) -> Path:
        """Held by whoever started the servers of this home."""
        return self.path / "up.lock"


def home_path() -> Path:
    """`ANNEAL_HOME`, by default `.anneal` beside manage.py."""
    return Path(os.environ.get("ANNEAL_HOME") or ROOT / ".anneal").expanduser().resolve()


def home_open(path: Path | None = None) -> Home:
    """Make the folders of an installation and say where they are; raises Stop when it cannot."""
    path = path or home_path()
    account = _server_account()
    try:
        _private(path, account)
        servers = _servers_folder(path, account)
        _owned(servers, account)
        sockets = _sockets_folder(path, account)
    except OSError as error:
        raise Stop(
            f"Anneal cannot write in {error.filename or path} ({error.strerror}). "
            "Set ANNEAL_HOME to a folder of yours on a disk with space."
        ) from error
    return Home(path=path, servers=servers, sockets=sockets, account=account)


def _private(path: Path, account: Account) -> None:
    """Make the home; what customers bring lies in it, so others may at most pass through."""
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o711 if account.switch else 0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    for name in ("log", "cache", "storage"):
        (path / name).mkdir(mode=0o700, exist_ok=True)


def key_of(path: Path) -> str:
    """A short name for an installation, the same each time."""
    return hashlib.sha256(f"{os.getuid()}:{path}".encode()).hexdigest()[:12]


def reachable(path: Path, account: Account) -> bool:
    """Tell whether the account may pass every folder above `path` (POSIX bits; no ACLs)."""
    if not account.switch:
        return True
    return all(_passable(folder, account) for folder in path.parents)


def _passable(folder: Path, account: Account) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & stat.S_IXOTH)


def _server_account() -> Account:
    if os.getuid() != 0:
        return Account(os.getuid(), os.getgid(), switch=False)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Stop(
            "Postgres does not run as root, and this machine has no user `nobody` to run it as. "
            "Start Anneal as an ordinary user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid, switch=True)


def _servers_folder(home: Path, account: Account) -> Path:
    inside = home / "servers"
    if inside.exists() or not account.switch:
        return inside
    if _passable(home, account) and reachable(home, account):
        return inside
    return SHARED_STATE / key_of(home)


def _sockets_folder(home: Path, account: Account) -> Path:
    """A 0700 folder of ours under the temporary folder; another user's is never entered."""
    base = Path(tempfile.gettempdir())
    if not reachable(base / "x", account) or len(str(base)) > 60:
        base = Path("/tmp")
    folder = base / f"anneal-{key_of(home)}"
    _owned(folder, account)
    return folder


def _owned(folder: Path, account: Account) -> None:
    """Make `folder` a 0700 folder of the account, or raise Stop when it is someone else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {account.uid, os.getuid()}:
        raise Stop(f"{folder} belongs to someone else. Remove it and run the command again.")
    if account.switch:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)
