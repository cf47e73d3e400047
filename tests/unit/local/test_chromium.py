"""The packaged Chromium is unpacked once, by whichever process of the tests comes first."""

import io
import tarfile
from pathlib import Path

import brotli
import pytest

from anneal.local import chromium


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "package"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "chromium.br").write_bytes(brotli.compress(b"#!/bin/sh\n"))
    for name in ("fonts", "al2023"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(f"{name}/file"), io.BytesIO())
        (folder / "bin" / f"{name}.tar.br").write_bytes(brotli.compress(packed.getvalue()))
    monkeypatch.setattr(chromium, "PACKAGE", folder)
    return folder


@pytest.mark.usefixtures("package")
def test_who_comes_second_finds_what_the_first_unpacked_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "chromium-1"

    chromium._unpack(folder)
    chromium._unpack(folder)

    assert (folder / "chromium").stat().st_mode & 0o111
    assert (folder / "fonts" / "file").exists()
    assert list(folder.parent.iterdir()) == [folder]
