"""Uploads that lie about themselves: zips and headers (D1, D4 of the hostile corpus)."""

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.importing.files import ImportInvalid, Upload, files_take
from mlworker.engine.importing.tensors import TensorFile
from tests.unit.engine.test_importing import exported, folder, refusal, zipped

__all__ = ["exported", "folder"]


def _bomb(name: str) -> io.BytesIO:
    return zipped({name: b"\0" * 300_000_000})


def test_d1_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ImportInvalid, match="hardly any"):
        files_take([Upload("m.zip", _bomb("model.safetensors"))], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_d1_an_entry_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"config.json": b" " * 40_000_000}, zipfile.ZIP_STORED).getvalue())
    # Both headers say 16 bytes.
    central = data.rindex(b"PK\x01\x02")
    data[central + 20 : central + 28] = struct.pack("<II", 16, 16)
    data[18:26] = struct.pack("<II", 16, 16)
    with pytest.raises(ImportInvalid):
        files_take([Upload("m.zip", io.BytesIO(bytes(data)))], tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_d1_weights_larger_than_any_base_are_refused_and_not_written(
    packed: bool, tmp_path: Path
) -> None:
    # one byte in sixty is chance: no suspicious ratio, and far more than what came
    data = (random.Random(0).randbytes(1_000) + b"\0" * 59_000) * 100
    name = "model.safetensors"
    upload = zipped({name: data}) if packed else io.BytesIO(data)
    assert not packed or len(data) < 100 * upload.getbuffer().nbytes
    with pytest.raises(ImportInvalid, match="larger than 2,000,000 bytes"):
        files_take([Upload("m.zip" if packed else name, upload)], tmp_path, 2_000_000)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2_000_000


def test_d1_links_many_files_and_passwords_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("config.json")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ImportInvalid, match="is a link"):
        files_take([Upload("m.zip", out)], tmp_path)
    many = zipped({f"f{number}": b"" for number in range(100)})
    with pytest.raises(ImportInvalid, match="100 files"):
        files_take([Upload("m.zip", many)], tmp_path)
    endless = zipped({f"f{number}": b"" for number in range(2_000)})
    with pytest.raises(ImportInvalid, match="far too many"):
        files_take([Upload("m.zip", endless)], tmp_path)
    locked = bytearray(zipped({"config.json": b"{}"}).getvalue())
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ImportInvalid, match="encrypted"):
        files_take([Upload("m.zip", io.BytesIO(bytes(locked)))], tmp_path)


def test_d1_a_text_file_without_end_is_refused(tmp_path: Path) -> None:
    files = [Upload("config.json", io.BytesIO(b"[" * 20_000_000))]
    with pytest.raises(ImportInvalid, match="larger than"):
        files_take(files, tmp_path)


def test_d1_bottomless_json_is_refused(folder: Path, tiny: BaseDirectory, tmp_path: Path) -> None:
    (folder / "config.json").write_text('{"a":' * 100_000)
    assert "config.json is not JSON" in refusal(folder, tiny, tmp_path)


def _tensors(path: Path, header: object, data: bytes = b"", *, length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


def _f32(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({}, b"", 2**31),
        ({}, b"", 2**63 - 1),
        ({}, b"", 0),
        ({"a": _f32([2], 0, 8), "b": _f32([2], 4, 12)}, b"\0" * 12, None),
        ({"a": _f32([2], 0, 8), "b": _f32([2], 12, 20)}, b"\0" * 20, None),
        ({"a": _f32([2], 0, 8), "b": _f32([2], 0, 8)}, b"\0" * 8, None),
        ({"a": _f32([-2], 0, 8)}, b"\0" * 8, None),
        ({"a": _f32([2**62, 4], 0, 8)}, b"\0" * 8, None),
        ({"a": _f32([1.0], 0, 4)}, b"\0" * 4, None),
        ({"a": _f32([True], 0, 4)}, b"\0" * 4, None),
        ({"a": _f32([2], 8, 0)}, b"\0" * 8, None),
        ({"a": _f32([2], 0, 8)}, b"\0" * 4, None),
        ({"a": _f32([2], 0, 8)}, b"\0" * 80, None),
        ({"a": _f32([2], 0, 2, "O")}, b"\0" * 2, None),
        ({"a": {"dtype": "F32"}}, b"", None),
        ({"a": 3}, b"", None),
        ([], b"", None),
        (b"{" * 5_000, b"", None),
        (b'{"a": 1, "a": 2}', b"", None),
        (b"\xff\xfe{}", b"", None),
        ({"__metadata__": {}}, b"", None),
        ({f"t{n}": _f32([0], 0, 0) for n in range(10_001)}, b"", None),
    ],
)
def test_d4_a_header_that_lies_is_refused(
    header: object, data: bytes, length: int | None, tmp_path: Path
) -> None:
    path = _tensors(tmp_path / "model.safetensors", header, data, length=length)
    with pytest.raises(ImportInvalid, match=r"model\.safetensors"):
        TensorFile(path)


def test_d4_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")
    with pytest.raises(ImportInvalid):
        TensorFile(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_d4_values_that_are_no_numbers_are_refused(
    value: float, folder: Path, tiny: BaseDirectory, tmp_path: Path
) -> None:
    weights = {
        name: torch.from_numpy(array)
        for name, array in load_file(folder / "model.safetensors").items()
    }
    weights["classifier.bias"] = torch.full_like(weights["classifier.bias"], value)
    save_file(weights, folder / "model.safetensors")
    assert "classifier.bias" in refusal(folder, tiny, tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda w: w.pop("classifier.bias"), "lacks 'classifier.bias'"),
        (lambda w: w.update(evil=torch.zeros(1)), "'evil'"),
        (lambda w: w.update({"classifier.bias": torch.zeros(7)}), "shape [7]"),
    ],
)
def test_d4_tensors_that_are_not_the_models_are_named(
    change: Callable[[dict[str, torch.Tensor]], object],
    told: str,
    folder: Path,
    tiny: BaseDirectory,
    tmp_path: Path,
) -> None:
    weights = {
        name: torch.from_numpy(array)
        for name, array in load_file(folder / "model.safetensors").items()
    }
    change(weights)
    save_file(weights, folder / "model.safetensors")
    assert told in refusal(folder, tiny, tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_d1_other_packers_are_refused(method: int, tmp_path: Path) -> None:
    with pytest.raises(ImportInvalid, match="use plain zip"):
        files_take([Upload("m.zip", zipped({"config.json": b"{}"}, method))], tmp_path)


@pytest.mark.parametrize("where", range(10, 300, 7))
def test_d1_a_damaged_zip_is_refused_or_read_and_never_a_fault(where: int, tmp_path: Path) -> None:
    data = bytearray(zipped({"config.json": b'{"a": 1}' * 50, "tokenizer.json": b"{}"}).getvalue())
    data[where % len(data)] ^= 0xFF
    with pytest.raises(ImportInvalid):  # the weights are missing in any case
        files_take([Upload("m.zip", io.BytesIO(bytes(data)))], tmp_path)


def test_d1_a_zip_without_its_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportInvalid, match="not a zip"):
        files_take([Upload("m.zip", io.BytesIO(b"PK\x03\x04" + b"\0" * 50))], tmp_path)
