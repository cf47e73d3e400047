"""The preamble on a small copy of the tree, with the interpreter that a stranger has."""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYTHON = str(getattr(sys, "_base_executable", sys.executable))
STAMP = "from anneal.local.preamble import *; stamp_write(VENV, dev=False)"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """manage.py, the machine room and the requirements: all that the preamble reads."""
    shutil.copy2(ROOT / "manage.py", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    package = tmp_path / "platform" / "anneal"
    shutil.copytree(ROOT / "platform" / "anneal" / "local", package / "local")
    shutil.copy2(ROOT / "platform" / "anneal" / "__init__.py", package)
    return tmp_path


def _manage(tree: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "manage.py", *arguments],
        cwd=tree,
        env={"PATH": os.defpath, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _environment(tree: Path) -> None:
    """An environment with the right stamp and nothing in it."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", ".venv"], cwd=tree, check=True)
    subprocess.run([PYTHON, "-c", STAMP], cwd=tree / "platform", check=True)


def _pip_without_packages(tree: Path) -> None:
    """A pip in that environment that finds no package; a real one takes seconds to install."""
    (packages,) = (tree / ".venv" / "lib").glob("python3*/site-packages")
    (packages / "pip").mkdir()
    (packages / "pip" / "__init__.py").touch()
    said = "No matching distribution found for none==1"
    (packages / "pip" / "__main__.py").write_text(f"raise SystemExit({said!r})")


def test_a_fitting_environment_is_entered_at_once(tree: Path) -> None:
    _environment(tree)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    done = _manage(tree)

    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert done.returncode == 0
    assert "usage: python3 manage.py" in done.stderr
    assert "Setting up" not in done.stderr
    assert after.ru_utime - before.ru_utime < 2  # two starts of Python; 0.1 s are used


def test_an_image_is_used_as_it_is(tree: Path) -> None:
    _environment(tree)
    stamp = tree / ".venv" / "anneal.stamp"
    content = json.loads(stamp.read_text()) | {"base": "of another day", "image": True}
    stamp.write_text(json.dumps(content))

    done = subprocess.run(
        [".venv/bin/python", "manage.py"], cwd=tree, capture_output=True, text=True, check=True
    )

    assert "usage: python3 manage.py" in done.stderr


@pytest.mark.parametrize("change", ["lock", "prefix"])
def test_an_environment_that_does_not_fit_is_built_anew(tree: Path, change: str) -> None:
    _environment(tree)
    _pip_without_packages(tree)
    stamp = tree / ".venv" / "anneal.stamp"
    changes = {
        "lock": lambda: (tree / "requirements" / "base.lock").write_text("none==1"),
        "prefix": lambda: stamp.write_text(stamp.read_text().replace(str(tree), "/elsewhere")),
    }
    changes[change]()

    done = _manage(tree, "up", PIP_NO_INDEX="1")

    assert "Setting up Anneal in .venv/" in done.stderr
    assert done.returncode == 1
    assert not stamp.exists()


def test_a_failed_build_says_why_in_one_sentence_and_is_made_again(tree: Path) -> None:
    _environment(tree)
    _pip_without_packages(tree)
    (tree / "requirements" / "base.lock").write_text("none==1 --hash=sha256:" + "0" * 64)

    first = _manage(tree, "up")
    second = _manage(tree, "up", PIP_NO_INDEX="1")

    for done in (first, second):
        assert done.returncode == 1
        assert "pip found no fitting package" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert "Making the Python environment" not in first.stderr
    assert "Making the Python environment" in second.stderr  # the half-built one is thrown away
    assert (tree / ".anneal" / "log" / "build.log").stat().st_size > 0


def test_two_builds_do_not_meet(tree: Path) -> None:
    (tree / ".anneal" / "log").mkdir(parents=True)
    with (tree / ".anneal" / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            [PYTHON, "manage.py"], cwd=tree, stderr=subprocess.PIPE, text=True
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
        _environment(tree)  # as the other build would have left it
    said = waiting.communicate(timeout=30)[1]

    assert "Waiting for another set-up" in said
    assert "Setting up" not in said
    assert waiting.returncode == 0


def test_a_python_without_ensurepip_gets_the_fix(tree: Path) -> None:
    code = (
        "import runpy, sys; sys.modules['ensurepip'] = None; sys.argv = ['manage.py', 'up'];"
        "sys.path[0] = '.'; runpy.run_path('manage.py', run_name='__main__')"
    )

    done = subprocess.run(
        [PYTHON, "-c", code], cwd=tree, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr.splitlines()[-1]


def test_the_entry_can_be_read_by_an_old_python() -> None:
    text = (ROOT / "manage.py").read_text()

    compile(text, "manage.py", "exec", dont_inherit=True)
    assert "from __future__" not in text  # annotations need 3.7, and nothing here needs them
    assert "anneal" not in text.split("def main")[0].replace("Anneal", "")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_tree_that_is_not_ours_gets_one_sentence(tree: Path) -> None:
    tree.chmod(0o555)
    try:
        done = _manage(tree, "up")
    finally:
        tree.chmod(0o755)

    assert "Clone it into a folder of your own" in done.stderr.splitlines()[-1]


def test_a_full_disk_is_said_in_one_sentence(tree: Path) -> None:
    log = tree / ".anneal" / "log" / "build.log"
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")

    done = _manage(tree, "doctor")

    assert done.returncode == 1
    assert "the disk is full. Free 4 GB" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 15, 0), (2, 7, 18)])
def test_another_python_is_told_which_ones_fit(version: tuple[int, ...], tree: Path) -> None:
    code = (
        f"import runpy, sys; sys.version_info = {(*version, 'final', 0)};"
        " sys.argv = ['manage.py', 'up']; runpy.run_path('manage.py', run_name='__main__')"
    )

    done = subprocess.run(
        [PYTHON, "-c", code], cwd=tree, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert "Anneal needs Python 3.11 to 3.14 and this is Python" in done.stderr
    assert f"{version[0]}.{version[1]}" in done.stderr
    assert not (tree / ".venv").exists()
