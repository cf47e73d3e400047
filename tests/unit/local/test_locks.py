"""The locks are complete: what they leave out comes with torch, and nothing names an index."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from anneal.local.locks import blocks, blocks_kept, locked_names, normalised, requirement_names

FOLDER = Path(__file__).resolve().parents[3] / "requirements"


def _read(name: str) -> str:
    return (FOLDER / name).read_text()


def _needs(name: str) -> set[str]:
    """What the installed distribution needs on this machine, extras left out."""
    requirements = (Requirement(text) for text in metadata.requires(name) or [])
    return {
        normalised(each.name)
        for each in requirements
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


@pytest.mark.parametrize("name", ["base", "dev"])
def test_every_direct_dependency_is_locked(name: str) -> None:
    assert requirement_names(_read(f"{name}.in")) - locked_names(_read(f"{name}.lock")) == set()


def test_every_dependency_of_the_project_is_locked() -> None:
    text = (FOLDER.parent / "pyproject.toml").read_text()
    section = text.split("dependencies = [")[1].split("\n]")[0]
    wanted = {
        normalised(re.split(r"[\[~=<>]", name)[0]) for name in re.findall(r'"([^"]+)",', section)
    }

    assert wanted - locked_names(_read("base.lock")) == set()


@pytest.mark.parametrize("name", ["base", "dev"])
def test_what_a_locked_package_needs_is_locked_or_comes_with_torch(name: str) -> None:
    with_torch = requirement_names(_read("excluded.txt")) | _needs("torch")
    present = locked_names(_read("base.lock")) | with_torch
    present |= locked_names(_read("dev.lock")) if name == "dev" else set()
    here = {normalised(each.name) for each in metadata.distributions()}

    missing = {
        (package, need)
        for package in locked_names(_read(f"{name}.lock")) & here
        for need in _needs(package) - present
    }
    assert missing == set()


@pytest.mark.parametrize("name", ["base", "dev"])
def test_every_entry_is_exact_and_hashed(name: str) -> None:
    loose = [
        block.splitlines()[0]
        for block in blocks(_read(f"{name}.lock"))
        if "==" not in block.splitlines()[0] or "--hash=sha256:" not in block
    ]
    assert loose == []


@pytest.mark.parametrize("name", ["base.lock", "dev.lock", "torch.txt", "redis.txt"])
def test_no_lock_names_an_index(name: str) -> None:
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", _read(name))


@pytest.mark.parametrize("name", ["base", "dev"])
def test_no_lock_carries_what_no_machine_installs(name: str) -> None:
    text = _read(f"{name}.lock")

    assert "never" not in text
    assert "torch" not in locked_names(text)


def test_entries_for_no_machine_are_dropped() -> None:
    lock = (
        "# made by a tool\n--index-url elsewhere\n"
        "kept==1 \\\n    --hash=sha256:aa\n    # via other\n"
        "gone==2 ; sys_platform == 'never' \\\n    --hash=sha256:bb\n"
    )
    assert "".join(blocks_kept(lock)) == "kept==1 \\\n    --hash=sha256:aa\n    # via other\n"
