"""What is no export of anybody's is refused in a sentence, whatever is wrong with its bytes."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlworker.registry.exports.manifest import (
    MANIFEST,
    ExportInvalid,
    export_verify,
    manifest_read,
)

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def _zip(path: Path) -> bytearray:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, '{"anneal_export": 1}' * 100)
    return bytearray(path.read_bytes())


def _encrypted(data: bytearray) -> None:
    data[data.index(LOCAL) + 6] |= 1
    data[data.index(CENTRAL) + 8] |= 1


def _packed_otherwise(data: bytearray) -> None:
    data[data.index(LOCAL) + 8] = data[data.index(CENTRAL) + 10] = 97


def _damaged(data: bytearray) -> None:
    start = data.index(MANIFEST.encode()) + len(MANIFEST)
    data[start : start + 4] = b"\xff" * 4


@pytest.mark.parametrize("spoil", [_encrypted, _packed_otherwise, _damaged])
@pytest.mark.parametrize("read", [export_verify, manifest_read])
def test_a_zip_that_cannot_be_unpacked_is_no_export(
    spoil: Callable[[bytearray], None], read: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "export.zip"
    data = _zip(path)
    spoil(data)
    path.write_bytes(data)
    with pytest.raises(ExportInvalid, match="cannot be read as an export"):
        read(path)
