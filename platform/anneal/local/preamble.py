"""The preamble of `manage.py`: makes `.venv` from the locks with plain pip. Standard library only.

The stamp file in the environment holds the hash of the locks and is written last, so a build that
was killed is recognised and made again. An image's own interpreter may carry a stamp and is used.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from anneal.local.console import Stop, say, step

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv"
BUILD_LOG = ROOT / ".anneal" / "log" / "build.log"
STAMP = "anneal.stamp"
BUILDING = "anneal.building"
LAYOUT = "1"  # raise it when the way the environment is built changes
_FULL = f"the disk is full. Free 4 GB for {ROOT} and run the command again."
_ROOM = 50_000_000
NEED_DEV = frozenset({"test", "lock", "bench"})


def environment_ensure(arguments: list[str]) -> None:
    """Return inside an environment that fits the locks; else build it and start anew in it."""
    dev = bool(arguments) and arguments[0] in NEED_DEV
    if _fits(Path(sys.prefix), dev=dev):
        return
    try:
        if not _ready(dev=dev):
            with _build_lock():
                if not _ready(dev=dev):  # another build may have finished while we waited
                    _build(dev=dev)
        _start_again()
    except Stop as stop:
        end(stop)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        end(Stop(f"The set-up failed: {_FULL}"))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next run finishes the set-up.")


def end(stop: Stop) -> NoReturn:
    """Show a Stop to the person and leave with status 1."""
    for line in stop.lines:
        say("     | " + line)
    say(stop.sentence)
    sys.exit(1)


def lock_key(*names: str) -> str:
    """Hash the named files of `requirements/` and the layout.

    The locks hold for every Python we support, so another one on the PATH builds nothing anew.
    """
    digest = hashlib.sha256(LAYOUT.encode())
    for name in names:
        digest.update((ROOT / "requirements" / name).read_bytes())
    return digest.hexdigest()


def stamp_write(prefix: Path, *, dev: bool, image: bool = False) -> None:
    """Declare that the environment at `prefix` fits the locks (an image's stamp fits always)."""
    content = {
        "prefix": str(prefix),
        "base": lock_key("base.lock", "torch.txt"),
        "dev": lock_key("dev.lock") if dev else None,
        "image": image,
    }
    fresh = prefix / (STAMP + ".new")
    fresh.write_text(json.dumps(content), encoding="utf-8")
    fresh.replace(prefix / STAMP)


def _ready(*, dev: bool) -> bool:
    """Tell whether `.venv` fits, and its interpreter is still there and ours to run."""
    return os.access(VENV / "bin" / "python", os.X_OK) and _fits(VENV, dev=dev)


def _fits(prefix: Path, *, dev: bool) -> bool:
    try:
        stamp = json.loads((prefix / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if stamp.get("image"):
        return not dev or bool(stamp.get("dev"))
    # A copied tree carries a copied environment whose scripts point at the first one.
    return (
        stamp.get("prefix") == str(prefix)
        and stamp.get("base") == lock_key("base.lock", "torch.txt")
        and (not dev or stamp.get("dev") == lock_key("dev.lock"))
    )


@contextmanager
def _build_lock() -> Iterator[None]:
    try:
        BUILD_LOG.parent.mkdir(parents=True, exist_ok=True)
        handle = (ROOT / ".anneal" / "build.lock").open("w")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise Stop(
            f"Anneal cannot write in {ROOT} ({error.strerror}), and keeps its environment there. "
            "Clone it into a folder of your own."
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("Waiting for another set-up of this folder"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(*, dev: bool) -> None:
    say(f"Setting up Anneal in {VENV.name}/ (once; details in {BUILD_LOG.relative_to(ROOT)})")
    BUILD_LOG.write_text("", encoding="utf-8")
    if not _usable():
        _create()
    (VENV / BUILDING).touch()
    (VENV / STAMP).unlink(missing_ok=True)
    locked = ["--no-deps", "--require-hashes", "-r"]
    _pip("Python packages", *locked, "requirements/base.lock")
    _pip("PyTorch", "-r", "requirements/torch.txt")
    if dev:
        _pip("test tools", *locked, "requirements/dev.lock")
    _pip("Anneal itself", "--no-build-isolation", "--no-deps", "-e", ".")
    stamp_write(VENV, dev=dev)
    (VENV / BUILDING).unlink(missing_ok=True)


def _usable() -> bool:
    """Tell whether the environment that lies there can be brought up to date in place."""
    if not (VENV / "bin" / "python").exists() or (VENV / BUILDING).exists():
        return False
    probe = "import sys, pip; print(*sys.version_info[:2], sys.prefix, sep='|')"
    done = subprocess.run(
        [str(VENV / "bin" / "python"), "-c", probe], capture_output=True, text=True, check=False
    )
    here = f"{sys.version_info[0]}|{sys.version_info[1]}|{VENV}"
    return done.returncode == 0 and done.stdout.strip() == here


def _create() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        raise Stop(
            f"This Python ({sys.executable}) has no ensurepip and cannot make an environment. "
            "Install it (on Debian and Ubuntu: apt install python3-venv) and run the command again."
        )
    with step("Making the Python environment"):
        shutil.rmtree(VENV, ignore_errors=True)
        # From inside an environment the base interpreter makes the new one.
        python = getattr(sys, "_base_executable", None) or sys.executable
        _logged([python, "-m", "venv", str(VENV)], "making the Python environment")


def _pip(what: str, *arguments: str) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", *arguments]
    with step(f"Installing {what}"):
        _logged(command, f"installing {what}")


def _logged(command: list[str], what: str) -> None:
    """Run a command with its output in the build log; its last lines are shown when it fails."""
    with BUILD_LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        done = subprocess.run(
            command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=_clean(), check=False
        )
    if done.returncode == 0:
        return
    text = BUILD_LOG.read_text(encoding="utf-8", errors="replace")
    tail = [line for line in text.splitlines() if line and not line.startswith("WARNING: Location")]
    raise Stop(f"{what.capitalize()} failed: {_advice(text)}", lines=tail[-12:])


def _advice(text: str) -> str:
    where = BUILD_LOG.relative_to(ROOT)
    # pip's own words may not have found room in the log.
    if "No space left on device" in text or shutil.disk_usage(ROOT).free < _ROOM:
        return _FULL
    if "HASHES" in text and "DO NOT MATCH" in text:
        return "a package is not the one the lock names. Check the index that pip is set to use."
    if "No matching distribution" in text or "Could not find a version" in text:
        return (
            "pip found no fitting package. Anneal runs on Linux x86-64 with Python 3.11 to 3.14; "
            f"there, check the network and pip's package index ({where})."
        )
    if "connection" in text.lower() or "timed out" in text.lower():
        return "pip could not reach its package index. Check the network and run the command again."
    return f"see {where}, then run the command again; what is done is kept."


def _clean() -> dict[str, str]:
    """The environment for pip: no foreign packages may look installed."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _start_again() -> NoReturn:
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, str(ROOT / "manage.py"), *sys.argv[1:]])
