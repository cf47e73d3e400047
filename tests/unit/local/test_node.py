"""What npm is started with."""

import shutil

import pytest

from anneal.local.node import node_env, node_folder


@pytest.mark.parametrize("path", ["/nowhere", ""])
def test_a_path_without_a_shell_still_builds_the_page(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path)

    found = node_env()["PATH"]

    assert shutil.which("sh", path=found)
    assert shutil.which("node", path=found) == str(node_folder() / "bin" / "node")
